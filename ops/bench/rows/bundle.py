"""A range's review bundle, beside `git diff` of the same range, in the same run."""

import random
import subprocess

from bench import Line

NEEDS = ["review-bundle"]
WORDS = [f"word{number}" for number in range(500)]


def measure(bench):
    files, commits = bench.size(2000, 100), bench.size(10_000, 100)
    program = bench.binary("examples/bundle-range")
    wide, long = repository(bench, wide_history(files)), repository(bench, long_history(commits))
    return [
        against_git(bench, program, f"bundle of {files:,} files", wide, "HEAD~1"),
        against_git(bench, program, f"bundle of {commits:,} commits", long, f"HEAD~{commits - 1}"),
    ]


def against_git(bench, program, what, folder, since):
    oids = [bench.call("git", "rev-parse", name, cwd=folder)[1].strip() for name in (since, "HEAD")]
    sizes = {}

    def run(name, *argv):
        seconds, out = bench.call(*argv, cwd=folder)
        sizes[name] = len(out)
        return seconds * 1000

    samples = bench.alternate(
        ours=lambda: run("bytes", program, folder, *oids),
        rival=lambda: run("rival_bytes", "git", "--no-pager", "diff", "--no-renames", *oids),
    )
    line = Line(what, "ms", samples, rival="git diff", notes=sizes)
    ratio = 1 / line.times("rival")
    line.target("<= 1.2x git diff", ratio, ratio <= 1.2)
    return line


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
        at = chance.randrange(len(lines))
        kind = chance.randrange(3)
        lines[at : at + kind] = [] if kind == 2 else ["a line of its own"]
    return lines


def long_history(commits):
    """As many commits, each with one of 50 files changed."""
    chance = random.Random(6)
    files = {f"src/f{number}.rs": text(chance) for number in range(50)}
    stream = [commit(0, files.items())]
    for number in range(1, commits):
        path = f"src/f{number % 50}.rs"
        files[path] = edited(chance, files[path]) or ["again"]
        stream.append(commit(number, [(path, files[path])]))
    return b"".join(stream)
