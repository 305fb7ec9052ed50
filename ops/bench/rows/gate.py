"""What the review gate costs a push, beside a hook that does nothing under the pre-commit framework."""

import os
import pathlib
import subprocess
import time

from bench import HERE, Line, Skipped, from_pypi

NEEDS = ["bench-review", "review-gate"]
PRE_COMMIT = "4.7.0"
WHO = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid", "-c", "gc.auto=0"]
SHIPPED = HERE.parent.parent / ".githooks/pre-push"
INSTALLED = "/opt/ai-ops-runner/bin/review-gate"
NOTHING = """repos:
  - repo: local
    hooks:
      - {id: nothing, name: nothing, language: system, entry: "true", always_run: true,
         pass_filenames: false, stages: [pre-push]}
"""


def measure(bench):
    gate = bench.binary("review-gate")
    if os.path.exists(INSTALLED):
        raise Skipped(f"the hook would run {INSTALLED}, not what was built")
    framework = from_pypi(bench, "pre-commit", PRE_COMMIT)
    hooks = {
        "ours": lambda repo: hook(repo, SHIPPED.read_text()),
        "rival": lambda repo: install(bench, framework, repo),
        "limit": lambda repo: None,
    }
    repos = {name: reviewed(bench, name, 1) for name in hooks}
    for name, repo in repos.items():
        hooks[name](repo)
    return [
        alone(bench, repos["ours"], repos["rival"]),
        pushed(bench, repos),
        long_range(bench, gate, bench.size(10_000, 200)),
    ]


def alone(bench, ours, rival):
    count = repeats(bench)
    samples = bench.alternate(
        ours=lambda: mean(count, lambda: asked(bench, ours.hook, ours)),
        rival=lambda: mean(count, lambda: asked(bench, rival.hook, rival)),
    )
    line = Line("pre-push hook, 1 ref", "ms", samples, rival=f"pre-commit {PRE_COMMIT}, no-op hook")
    line.target("below 10 ms", line.median("ours"), line.median("ours") < 10)
    line.target(">= 20x pre-commit", line.times("rival"), line.times("rival") >= 20)
    return line


def pushed(bench, repos):
    """A dry run asks the hook like any other push, and can be made again."""
    count = repeats(bench)
    argv = ["git", "push", "-q", "--dry-run", "origin", "main"]
    env = {"PATH": search_path(bench)}
    one = lambda repo: lambda: mean(count, lambda: bench.call(*argv, cwd=repo.folder, env=env)[0])
    samples = bench.alternate(**{name: one(repo) for name, repo in repos.items()})
    rival = f"pre-commit {PRE_COMMIT}, no-op hook"
    return Line("git push, 1 ref", "ms", samples, rival=rival, limit="no hook")


def long_range(bench, gate, commits):
    repo = reviewed(bench, "range", commits)
    argv = [gate, "check", "--", "origin", repo.url]
    samples = bench.alternate(ours=lambda: mean(repeats(bench), lambda: asked(bench, argv, repo)))
    what = f"check of {commits:,} commits"
    line = Line(what, "ms", samples, notes={"commits": commits, "commit_graph": False})
    line.target("below 100 ms", line.median("ours"), line.median("ours") < 100)
    return line


class Reviewed:
    """A repository with a remote, and an approval of everything that a push to it would bring."""

    def __init__(self, bench, name):
        base = bench.fresh(f"gate-{name}")
        self.folder, self.remote = base / "work", base / "remote.git"
        self.url, self.lines = f"file://{self.remote}", base / "lines"
        self.hook = [str(self.folder / ".git/hooks/pre-push"), "origin", self.url]


def reviewed(bench, name, commits):
    repo = Reviewed(bench, name)
    git = lambda *args: bench.call("git", *WHO, *args, cwd=repo.folder)[1].strip()
    bench.call("git", "init", "-q", "--bare", "-b", "main", repo.remote)
    bench.call("git", "init", "-q", "-b", "main", repo.folder)
    git("remote", "add", "origin", repo.url)
    bench.call(bench.binary("bench-verdict"), "configure", repo.folder)
    (repo.folder / ".pre-commit-config.yaml").write_text(NOTHING)
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("push", "-q", "origin", "main")
    since = git("rev-parse", "HEAD")
    grow(repo.folder, since, commits)
    git("reset", "-q", "--hard")
    git("-c", "gc.writeCommitGraph=false", "gc", "-q")
    to = git("rev-parse", "HEAD")
    bench.call(bench.binary("bench-verdict"), "sign", repo.folder, since, to)
    repo.lines.write_text(f"refs/heads/main {to} refs/heads/main {since}\n")
    return repo


def grow(folder, since, commits):
    """As many commits on top, each with one of 50 files changed."""
    stream = []
    for number in range(commits):
        text = f"content {number}\n"
        head = "commit refs/heads/main\n"
        head += f"committer b <b@example.invalid> {1_700_000_000 + number} +0000\ndata 1\nx\n"
        head += f"from {since}\n" if number == 0 else ""
        stream.append(f"{head}M 100644 inline f{number % 50}\ndata {len(text)}\n{text}\n")
    argv = ["git", "-C", str(folder), "fast-import", "--quiet", "--force"]
    subprocess.run(argv, input="".join(stream).encode(), check=True)


def hook(repo, text):
    path = pathlib.Path(repo.hook[0])
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(bench, framework, repo):
    env = {"PRE_COMMIT_HOME": str(repo.folder.parent / "pre-commit")}
    argv = [framework / "pre-commit", "install", "-t", "pre-push"]
    bench.call(*argv, cwd=repo.folder, env=env)


def asked(bench, argv, repo):
    """Seconds that a hook takes for one push; its answer must be a yes."""
    env = bench.env | {"PRE_COMMIT_HOME": str(repo.folder.parent / "pre-commit")}
    env["PATH"] = search_path(bench)
    with open(repo.lines, "rb") as lines:
        start = time.perf_counter()
        done = subprocess.run(
            argv, cwd=repo.folder, env=env, stdin=lines, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} exited {done.returncode}:\n{done.stderr}{done.stdout}")
    return seconds


def search_path(bench):
    """Where the shipped hook finds the gate that was built."""
    return f"{bench.binaries.resolve()}:{bench.env['PATH']}"


def repeats(bench):
    return bench.size(20, 2)


def mean(count, one):
    return sum(one() for _ in range(count)) * 1000 / count
