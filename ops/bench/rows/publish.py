"""Outcomes on the remote: a commit each and one push."""

import re

from bench import Line, Root, Skipped, drop

NEEDS = ["bridge-exec", "bridge-publish"]
FOLDERS = ("results", "diffs", "archive")
WHO = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
# As durable as ours has to be: git's own default flushes only packs.
SAFE = ["-c", "core.fsync=all", "-c", "core.fsyncMethod=batch", "-c", "gc.auto=0"]


def measure(bench):
    publish = bench.binary("bridge-publish")
    count = bench.size(1000, 50)

    def outcomes(name):
        root = Root(bench, name)
        remote = root.base / "remote.git"
        bench.call("git", "init", "-q", "--bare", "-b", "main", remote)
        if not (root.root / ".git").exists():
            bench.call("git", "init", "-q", "-b", "main", root.root)
        bench.call("git", *WHO, "commit", "-q", "--allow-empty", "-m", "start", cwd=root.root)
        bench.call("git", "remote", "add", "origin", remote, cwd=root.root)
        bench.call("git", "push", "-q", "origin", "HEAD:main", cwd=root.root)
        ids = drop(root.root, "out", count)
        root.once(count)
        return root, remote, ids

    def check(remote, least):
        _, commits = bench.call("git", "rev-list", "--count", "main", cwd=remote)
        _, files = bench.call("git", "ls-tree", "-r", "--name-only", "main", cwd=remote)
        results = len(re.findall(r"^results/.*\.integrity\.json$", files, re.MULTILINE))
        if int(commits) < least or results != count:
            raise RuntimeError(f"{commits.strip()} commits and {results} results on the remote")

    def ours():
        root, remote, _ = outcomes("publish")
        bench.quiet()
        seconds, _ = bench.call(publish, "once", "--root", root.root, "--home", root.home)
        check(remote, count)
        return seconds

    def rival():
        root, remote, ids = outcomes("publish-rival")
        # The bridge's own hook refuses such commits; here they are the rival's.
        bench.call("git", "config", "core.hooksPath", "/dev/null", cwd=root.root)
        git = ["git", *WHO, *SAFE]
        bench.quiet()
        seconds = 0.0
        for ident in ids:
            names = [f"diffs/{ident}.patch", f"archive/{ident}.json"]
            names += [f"results/{ident}.json", f"results/{ident}.integrity.json"]
            seconds += bench.call(*git, "add", "-f", "--", *names, cwd=root.root)[0]
            message = f"bridge: results {ident} (exit=0)"
            commit = ["commit", "-q", "-m", message]
            seconds += bench.call(*git, *commit, cwd=root.root)[0]
        seconds += bench.call(*git, "push", "-q", "origin", "HEAD:main", cwd=root.root)[0]
        check(remote, count)
        return seconds

    def fast_import():
        root, remote, ids = outcomes("publish-limit")
        bench.quiet()
        stream = root.base / "stream"
        write_stream(root.root, ids, stream)
        script = 'git "$@" fast-import --quiet --date-format=now <"$0" && git push -q origin HEAD:main'
        seconds, _ = bench.call("sh", "-c", script, stream, *SAFE, cwd=root.root)
        check(remote, count)
        return seconds

    samples = bench.alternate(ours=ours, rival=rival, limit=fast_import)
    line = Line(
        what=f"{count:,} outcomes published",
        unit="s",
        samples=samples,
        rival="git add + git commit each, one git push",
        limit="git fast-import of a ready stream + git push",
        notes={"outcomes": count},
    )
    seconds, times = line.median("ours"), line.times("rival")
    line.target("<= 2 s", seconds, seconds <= 2)
    line.target(">= 10x rival", times, times >= 10)
    return [line]


def write_stream(root, ids, path):
    """The commits that the rival makes, as fast-import takes them."""
    with open(path, "wb") as stream:
        for at, ident in enumerate(ids):
            message = f"bridge: results {ident} (exit=0)".encode()
            stream.write(b"commit refs/heads/main\ncommitter bench <bench@example.invalid> now\n")
            stream.write(b"data %d\n%s\n" % (len(message), message))
            if at == 0:
                stream.write(b"from refs/heads/main^0\n")
            names = [f"diffs/{ident}.patch", f"archive/{ident}.json"]
            names += [f"results/{ident}.json", f"results/{ident}.integrity.json"]
            for name in names:
                data = (root / name).read_bytes()
                stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data))
