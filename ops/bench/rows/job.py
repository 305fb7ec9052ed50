"""One job with nothing to do over 5,000 files of 50 MB with a warm mirror: what orb-wrap costs, beside
git worktree add, chmod -R a-w, git status and git worktree remove on the same disk."""

import json
import random
import re
import shutil
import subprocess

from bench import HERE, Line, Skipped

NEEDS = ["orb-wrap"]
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
TYPE = """
  bench:
    about: nothing
    argv: ["repo:nothing.sh"]
    timeout: 60s
    requires_repo_allowlist: true
    network: none
    limits: {memory_mib: 256, processes: 64, output_bytes: 65536, artifact_mib: 16, tmp_mib: 16}
"""


def repository(bench, count, size):
    folder = bench.fresh("job-source")
    bench.call("git", "init", "-q", "-b", "main", folder)
    words = random.Random(7)
    for n in range(count):
        path = folder / f"d{n % 71:02}" / f"e{n % 13:02}" / f"file-{n:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{words.getrandbits(200):050x}\n" for _ in range(size // 51)))
    script = folder / "nothing.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    bench.call(*GIT, "-C", folder, "add", "-A")
    bench.call(*GIT, "-C", folder, "commit", "-qm", "one")
    return folder, bench.call("git", "-C", folder, "rev-parse", "HEAD")[1].strip()


def measure(bench):
    if shutil.which("bwrap") is None:
        raise Skipped("bubblewrap is not installed")
    count, size = bench.size(5000, 500), 10_000
    source, sha = repository(bench, count, size)
    configs, home = bench.fresh("job-configs"), bench.fresh("job-home")
    types = (HERE.parent.parent / "configs" / "job_allowlist.yaml").read_text()
    (configs / "job_allowlist.yaml").write_text(types + TYPE)
    entry = {"name": "bench", "url": f"file://{source}", "refs": ["refs/heads/main"]}
    (configs / "repo_allowlist.yaml").write_text(json.dumps({"repos": [entry]}))
    args = ["--home", home, "--configs", configs, "-v", "run", "--job", "bench", "--repo", "bench"]
    command = [str(it) for it in [bench.binary("orb-wrap"), *args, "--sha", sha]]
    starts = []

    def ours():
        seconds, _ = bench.call(*command)
        return seconds

    def start():
        done = subprocess.run(command, env=bench.env, capture_output=True, text=True, check=True)
        starts.append(float(re.search(r"sandbox: ([0-9.]+) ms", done.stderr)[1]))
        return starts[-1]

    bare = bench.fresh("job-bare")
    bench.call("git", "clone", "-q", "--bare", source, bare / "m.git")
    git = ["git", "-C", bare / "m.git"]

    def rival():
        tree = bench.fresh("job-tree") / "t"
        seconds = bench.call(*git, "worktree", "add", "-q", "--detach", tree, sha)[0]
        seconds += bench.call("chmod", "-R", "a-w", tree)[0]
        seconds += bench.call("git", "-C", tree, "status", "--porcelain")[0]
        return seconds + bench.call(*git, "worktree", "remove", "--force", tree)[0]

    ours()
    bench.quiet()
    samples = bench.alternate(ours=ours, rival=rival)
    what = f"a job over {count:,} files, {count * size / 1e6:.0f} MB"
    line = Line(what, "s", samples, rival="git worktree add, chmod, status, remove")
    if not bench.quick:
        line.target("< 0.6 s", line.median("ours"), line.median("ours") < 0.6)
        line.target(">= 3 times git", line.times("rival"), line.times("rival") >= 3)
    begun = Line("sandbox: set up, tried", "ms", bench.alternate(ours=start))
    if not bench.quick:
        begun.target("< 15 ms", begun.median("ours"), begun.median("ours") < 15)
    return [line, begun]
