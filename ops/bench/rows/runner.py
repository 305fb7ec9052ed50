"""What the runner does as it is run: jobs accepted over HTTP, and a dead worker's job taken over."""

import json
import os
import re
import shutil
import subprocess
import time

from bench import HERE, Line

NEEDS = ["runner"]
PATIENCE = 120


def measure(bench):
    return [accepted(bench), taken_over(bench)]


def accepted(bench):
    count = bench.size(20000, 500)
    rates = []
    for number in range(bench.runs):
        with Scene(bench) as scene:
            address = scene.start("api", "--listen", "127.0.0.1:0").address()
            bench.quiet()
            program = bench.binary("examples/api-figures")
            _, out = bench.call(program, address, scene.token, count)
        rates.append(json.loads(out)["submissions_per_second"])
        bench.say(f"  POST /jobs, run {number + 1} of {bench.runs}: {rates[-1]}/s")
    # The target is the queue's own (rows/queue.py): this is what HTTP, token, schema and allowlists leave.
    return Line("POST /jobs accepted, 16 clients, sqlite", "/s", {"ours": rates})


def taken_over(bench):
    """With the settings as they are shipped: from kill -9 of a worker to the same job's next attempt
    by a worker that waits already."""
    samples = []
    for number in range(bench.size(min(bench.runs, 3), 1)):
        with Scene(bench) as scene:
            api = scene.start("api", "--listen", "127.0.0.1:0")
            api_at = f"http://{api.address()}"
            first = scene.start("work", "--concurrency", "1").said(r"runs jobs")
            wanted = ["--job", "orb_doctor", "--repo", "r0", "--sha", "0" * 40]
            job = scene.ask(api_at, "submit", *wanted)["job_id"]
            scene.until(lambda: scene.ask(api_at, "show", job)["status"] == "running")
            scene.start("work", "--concurrency", "1").said(r"runs jobs")
            first.child.kill()
            began = time.monotonic()
            scene.until(lambda: scene.ask(api_at, "show", job)["attempts"] == 2)
            samples.append(time.monotonic() - began)
        bench.say(f"  taken over, run {number + 1}: {samples[-1]:.1f} s")
    line = Line("a dead worker's job is taken over, shipped settings", "s", {"ours": samples})
    line.target("within 30 s", max(samples), max(samples) <= 30)
    return line


class Scene:
    """A runner in a folder of its own, with twenty repositories and jobs that last."""

    def __init__(self, bench):
        self.bench, self.folder, self.services = bench, bench.fresh("runner"), []
        for name in ("bin", "home", "secrets"):
            (self.folder / name).mkdir()
        # Beside a runner of its own, so that the real orb-wrap is not found first.
        shutil.copy(bench.binary("runner"), self.folder / "bin/runner")
        wrap = self.folder / "bin/orb-wrap"
        wrap.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
        wrap.chmod(0o755)
        self.token = self.folder / "secrets/runner_token"
        with os.fdopen(os.open(self.token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(os.urandom(32).hex())
        shutil.copytree(HERE.parent.parent / "configs", self.folder / "configs")
        url = "https://git.example/r"
        repos = [{"name": f"r{n}", "url": f"{url}{n}", "refs": ["refs/heads/main"]} for n in range(20)]
        # JSON is YAML.
        listed = self.folder / "configs/repo_allowlist.yaml"
        listed.write_text(json.dumps({"repos": repos}), encoding="utf-8")
        self.env = bench.env | {
            "AIOPS_HOME": str(self.folder / "home"),
            "AIOPS_CONFIGS": str(self.folder / "configs"),
            "AIOPS_SECRETS_DIR": str(self.folder / "secrets"),
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in self.services:
            service.end()

    def start(self, *args):
        self.services.append(Service(self, len(self.services), args))
        return self.services[-1]

    def ask(self, api, *args):
        program = self.folder / "bin/runner"
        _, out = self.bench.call(program, "--api", api, *args, "--json", env=self.env)
        return json.loads(out)

    def until(self, is_so):
        end = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > end:
                raise RuntimeError("; ".join(service.log.read_text() for service in self.services))
            time.sleep(0.05)


class Service:
    """An API or workers in the background."""

    def __init__(self, scene, number, args):
        self.scene, self.log = scene, scene.folder / f"{number}.log"
        with self.log.open("w", encoding="utf-8") as log:
            self.child = subprocess.Popen(
                [str(scene.folder / "bin/runner"), *args],
                env=scene.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self, pattern):
        self.scene.until(lambda: re.search(pattern, self.log.read_text()))
        return self

    def address(self):
        pattern = r"listening on http://([0-9.:]+)"
        return re.search(pattern, self.said(pattern).log.read_text())[1]

    def end(self):
        # Its jobs' programs go with it: the kernel sees to that.
        self.child.kill()
        self.child.wait()
