"""`review-gate bundle` of a range, beside `git diff` of the same range, in the same run."""

import random
import subprocess
import time

from bench import Line

NEEDS = ["review-gate"]
# Room for the whole text, and little enough that its tokens have to be counted.
CAPS = ["--max-bytes", "8000000", "--max-tokens", "8000000"]
WORDS = [f"word{number}" for number in range(500)]


def measure(bench):
    files, commits = bench.size(2000, 100), bench.size(10_000, 100)
    gate = bench.binary("review-gate")
    wide, long = repository(bench, wide_history(files)), repository(bench, long_history(commits))
    files = against_git(bench, gate, f"bundle of {files:,} files", wide, "HEAD~1")
    ratio = 1 / files.times("rival")
    files.target("<= 1.2x git diff", ratio, ratio <= 1.2)
    # No target: that the range starts at an ancestor of its end is not among git diff's work.
    since = f"HEAD~{commits - 1}"
    return [files, against_git(bench, gate, f"bundle of {commits:,} commits", long, since)]


def against_git(bench, gate, what, folder, since):
    oids = [bench.call("git", "rev-parse", name, cwd=folder)[1].strip() for name in (since, "HEAD")]
    sizes = {}

    def run(name, *argv):
        # Into a file: through a pipe, a busy machine's reader would be measured.
        path = folder.parent / f"{folder.name}.{name}"
        with path.open("wb") as out:
            start = time.perf_counter()
            subprocess.run(argv, cwd=folder, env=bench.env, stdout=out, check=True)
            seconds = time.perf_counter() - start
        sizes[name] = path.stat().st_size
        return seconds * 1000

    samples = bench.alternate(
        ours=lambda: run("bytes", gate, "bundle", "--since", oids[0], "--to", oids[1], *CAPS),
        rival=lambda: run("rival_bytes", "git", "--no-pager", "diff", "--no-renames", *oids),
    )
    return Line(what, "ms", samples, rival="git diff", notes=sizes)


def repository(bench, stream):
    folder = bench.fresh("bundle")
    bench.call("git", "init", "-q", "-b", "main", folder)
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream, check=True)
    bench.call("git", "gc", "-q", cwd=folder)
    return folder


def commit(number, files):
    head = f"commit refs/heads/main\ncommitter b <b@example.invalid> {1_700_000_000 + number} +0000\n"
    parts = [head.encode(), b"data 1\nx\n"]
    for path, lines in files:
        text = ("\n".join(lines) + "\n").encode()
        parts.append(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
    return b"".join(parts)


def text(chance):
    line = lambda: " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 9)))
    return [line() for _ in range(chance.randint(40, 400))]


def wide_history(files):
    """Two commits: twice as many files, then one to six edits in every second of them."""
    chance = random.Random(5)
    paths = [f"src/d{number % 40}/e{number % 7}/f{number}.rs" for number in range(files * 2)]
    before = [(path, text(chance)) for path in paths]
    after = [(path, edited(chance, lines)) for path, lines in before[::2]]
    return commit(1, before) + commit(2, after)


def edited(chance, lines):
    lines = list(lines)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(max(1, len(lines)))
        kind = chance.randrange(3)
        lines[at : at + kind] = [] if kind == 2 else ["a line of its own"]
    return lines


def long_history(commits):
    """As many commits, each with one of 50 files changed."""
    chance = random.Random(6)
    files = {f"src/f{number}.rs": text(chance)[:40] for number in range(50)}
    stream = [commit(0, files.items())]
    for number in range(1, commits):
        path = f"src/f{number % 50}.rs"
        files[path] = [*files[path][1:], f"line {number}"]
        stream.append(commit(number, [(path, files[path])]))
    return b"".join(stream)
