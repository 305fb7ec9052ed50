"""What the rows share: folders, signed commands, timed runs, and the shape of a result."""

import base64
import dataclasses
import fcntl
import hmac
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "bench-secret-that-guards-nothing"
TEXT = "".join(f"line {n:02} of a file that a command writes, of some length\n" for n in range(9))


class Skipped(Exception):
    """A row that cannot be measured here; the text says why."""


@dataclasses.dataclass
class Line:
    """One measured figure. `unit` is "/s" (more is better) or a cost (less is better)."""

    what: str
    unit: str
    samples: dict  # "ours", and perhaps "rival" and "limit": one value a run, run by run
    rival: str = ""
    limit: str = ""
    targets: list = dataclasses.field(default_factory=list)
    notes: dict = dataclasses.field(default_factory=dict)

    def median(self, name):
        values = self.samples.get(name)
        return statistics.median(values) if values else None

    def times(self, name):
        """How many times better we are than `name`: the median of the runs' own ratios."""
        if not self.samples.get(name):
            return None
        pairs = zip(self.samples["ours"], self.samples[name])
        if self.unit != "/s":
            return statistics.median(other / ours for ours, other in pairs)
        return statistics.median(ours / other for ours, other in pairs)

    def target(self, text, value, met):
        self.targets.append({"target": text, "value": round(value, 4), "met": bool(met)})


class Bench:
    """Where a run works and what it works with."""

    def __init__(self, folder, binaries, quick, runs):
        self.folder, self.binaries = pathlib.Path(folder).resolve(), pathlib.Path(binaries)
        self.quick = quick
        self.runs = runs or (1 if quick else 5)
        self.count = 0
        names = ("PATH", "HOME", "LANG", "TMPDIR", "PYENV_ROOT")
        self.env = {name: os.environ[name] for name in names if name in os.environ}
        self.env |= {"BRIDGE_HMAC": SECRET, "AIOPS_SECRETS_DIR": "/nonexistent"}
        self.env["AIOPS_CONFIGS"] = str(HERE.parent.parent / "configs")

    def size(self, full, quick):
        return quick if self.quick else full

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def binary(self, name):
        path = self.binaries / name
        if not path.exists():
            raise Skipped(f"{name} is not built")
        return str(path)

    @property
    def work(self):
        return self.folder / f"work-{os.getpid()}"

    def fresh(self, name):
        """A new empty folder on the measured disk.

        Nothing is removed before the end: ext4 without a journal searches past every inode that was
        freed in the last minutes whenever it makes a file, so one run's cleaning would be the next
        one's slowness. For the same reason each folder gets a place of its own on such a disk.
        """
        self.count += 1
        if not self.work.exists():
            apart(self.work)
        path = self.work / f"{self.count:04}-{name}"
        apart(path)
        return path

    def clear(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def call(self, *argv, cwd=None, env=None):
        """Runs a program to its end; returns (seconds, stdout)."""
        start = time.perf_counter()
        done = subprocess.run(
            [str(arg) for arg in argv],
            cwd=cwd,
            env=self.env | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            tail = (done.stderr or done.stdout)[-2000:]
            raise RuntimeError(f"{argv[0]} exited {done.returncode}:\n{tail}")
        return seconds, done.stdout

    def peak(self, *argv, env=None):
        """The most memory a program had, MB. Its waiting parent counts too: some 10 MB."""
        # A child begins with the memory of who starts it, so that one must be small.
        small = "import os, resource, sys\nchild = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)"
        small += "\nif os.wait4(child, 0)[1]: sys.exit(1)"
        small += "\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        _, out = self.call(sys.executable, "-I", "-S", "-c", small, *argv, env=env)
        return int(out.splitlines()[-1]) / 1024

    def quiet(self):
        """Has everything written before on the disk, so that no run pays for another."""
        os.sync()

    def alternate(self, **subjects):
        """Runs every subject once a round, so that all see the same weather."""
        samples = {name: [] for name in subjects}
        for round_ in range(self.runs):
            for name, subject in subjects.items():
                samples[name].append(subject())
            shown = ", ".join(f"{name} {values[-1]:.4g}" for name, values in samples.items())
            self.say(f"  run {round_ + 1} of {self.runs}: {shown} (load {os.getloadavg()[0]:.1f})")
        return samples


def from_pypi(bench, package, version):
    """The folder of programs of a package from PyPI in a venv of its own; skips where there is no
    network. What was installed stays below target/."""
    tools = HERE.parent.parent / "target/tools"
    folder = tools / f"{package}-{version}"
    if not (folder / "installed").exists():
        bench.say(f"  installing {package} {version}")
        made = [sys.executable, "-m", "venv", "--clear", folder]
        pip = [folder / "bin/pip", "install", "-q", "--no-input", f"{package}=={version}"]
        for argv in (made, pip):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise Skipped(f"{package} {version} could not be installed: {why[-200:]}")
        (folder / "installed").touch()
    return folder / "bin"


class Root:
    """A bridge root of ours, with its home."""

    def __init__(self, bench, name):
        self.bench, self.base = bench, bench.fresh(name)
        self.root, self.home = self.base / "root", self.base / "home"
        apart(self.root)
        self.run("init")

    def run(self, *args):
        where = ("--root", self.root, "--home", self.home)
        return self.bench.call(self.bench.binary("bridge-exec"), *args, *where)

    def once(self, expected, *args):
        """Drains commands/; returns the seconds, having checked that all were carried out."""
        self.bench.quiet()
        seconds, out = self.run("once", "--json", *args)
        outcomes = json.loads(out)["outcomes"]
        ok = sum(row["result"] == "ok" for row in outcomes)
        if ok != expected or any((self.root / "commands").glob("*.json")):
            raise RuntimeError(f"bridge-exec carried out {ok} of {expected}")
        return seconds


class Rival:
    """A root of the Python executor."""

    def __init__(self, bench, name):
        self.bench, self.base = bench, bench.fresh(name)
        self.root, self.state = self.base / "root", self.base / "state"
        apart(self.root)
        (self.root / "commands").mkdir()
        (self.root / "notes").mkdir()

    def argv(self, *args):
        script = HERE / "rivals" / "executor.py"
        return [sys.executable, str(script), "--root", self.root, "--state", self.state, *args]

    def once(self, expected):
        before = len(os.listdir(self.root / "results")) if (self.root / "results").exists() else 0
        self.bench.quiet()
        seconds, _ = self.bench.call(*self.argv("once"))
        done = (len(os.listdir(self.root / "results")) - before) // 2
        if done != expected:
            raise RuntimeError(f"the Python executor carried out {done} of {expected}")
        return seconds


def apart(path):
    """Makes a folder whose own folders ext4 spreads over the disk (`chattr +T`)."""
    get, set_, top = 0x80086601, 0x40086602, 0x00020000  # linux/fs.h, EXT4_TOPDIR_FL
    path.mkdir(parents=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(handle, get, struct.pack("l", 0)))
        fcntl.ioctl(handle, set_, struct.pack("l", flags | top))
    except OSError:
        pass  # another file system, which has no such habit
    finally:
        os.close(handle)


def command(ident, ops):
    """The bytes of a signed command, as the existing Python clients make them."""
    now = time.time()
    stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    document = {
        "schemaVersion": "1.0",
        "id": ident,
        "issued_at": stamp(now),
        "expires_at": stamp(now + 7200),
        "nonce": "0",
        "target": "MAIN",
        "action": "applyPatch",
        "patchType": "ops",
        "payload": {"inline": {"version": "bench", "ops": ops}},
        "validationPlan": [],
        "allowedActions": ["writeFile"],
        "constraints": {"maxRuntimeMs": 60000, "maxFilesChanged": 1},
    }
    canonical = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    document["hmac"] = base64.b64encode(hmac.digest(SECRET.encode(), canonical, "sha256")).decode()
    return json.dumps(document, indent=2).encode()


def write_op(ident):
    return {"op": "writeFile", "path": f"notes/{ident}.txt", "content": f"{ident}\n{TEXT}"}


def drop(root, prefix, count, ops=lambda ident: [write_op(ident)]):
    """Puts `count` commands into a root's commands/; returns their ids."""
    ids = [f"{prefix}-{number:06}" for number in range(count)]
    for ident in ids:
        (root / "commands" / f"{ident}.json").write_bytes(command(ident, ops(ident)))
    return ids


def shape(root, ident):
    """What one command of a drained root cost in bytes, as bench-limit takes it."""
    path = lambda name: root / name
    outputs = {
        "notes": path(f"notes/{ident}.txt"),
        "diffs": path(f"diffs/{ident}.patch"),
        "archive": path(f"archive/{ident}.json"),
        "results": path(f"results/{ident}.json"),
        "results/.": path(f"results/{ident}.integrity.json"),
    }
    texts = {name: file.read_text() for name, file in outputs.items()}
    # The journal holds every one of them inside a JSON document.
    journal = sum(len(json.dumps(text, ensure_ascii=False)) for text in texts.values())
    log = path("logs/bridge.log").read_bytes()
    line = len(log) // max(1, log.count(b"\n"))
    sizes = [f"{name}={len(text.encode())}" for name, text in texts.items()]
    return [len(texts["archive"]), journal, line, *sizes]


def limit(bench, count, group, shape_):
    """What the disk allows: seconds for the same files and flushes and no other work."""
    folder = bench.fresh("limit")
    bench.quiet()
    _, out = bench.call(bench.binary("bench-limit"), folder, count, group, *shape_)
    return float(out)
