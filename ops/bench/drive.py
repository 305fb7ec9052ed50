#!/usr/bin/env python3
"""Runs the rows of ops/bench/rows, prints one table and writes it as JSON. ops/bench.sh calls it."""

import argparse
import datetime
import importlib
import json
import os
import pathlib
import platform
import subprocess
import sys

from bench import HERE, Bench, Skipped

SCHEMA = "aiops.bench/1"
COLUMNS = ("what", "ours", "rival", "ratio", "physical limit", "how close", "target", "met?")


def names():
    return sorted(path.stem for path in (HERE / "rows").glob("*.py"))


def load(name):
    sys.path.insert(0, str(HERE / "rows"))
    return importlib.import_module(name)


def first(path, prefix=""):
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    found = [line for line in lines if line.startswith(prefix)]
    return found[0].removeprefix(prefix).strip(" \t:") if found else "unknown"


def output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=HERE)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def machine(folder):
    return {
        "cores": os.cpu_count(),
        "cpu": first("/proc/cpuinfo", "model name"),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "file_system": output("findmnt", "-no", "FSTYPE", "-T", str(folder)).split()[-1],
        "mount": output("findmnt", "-no", "SOURCE,OPTIONS", "-T", str(folder)),
        "folder": str(folder),
        "python": platform.python_version(),
        "git": output("git", "--version").removeprefix("git version "),
        "load": os.getloadavg()[0],
    }


def figure(value, unit):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{unit if unit in ('/s', 'x') else ' ' + unit}"


def cells(line, judged):
    """A line of the table, and one more for every further target."""
    close = line.times("limit")
    head = [
        line.what,
        figure(line.median("ours"), line.unit),
        figure(line.median("rival"), line.unit),
        figure(line.times("rival"), "x"),
        figure(line.median("limit"), line.unit),
        "-" if close is None else f"{close:.0%}",
    ]
    if not line.targets:
        yield head + ["-", "-"]
    for at, target in enumerate(line.targets):
        met = "-" if not judged else "yes" if target["met"] else "NO"
        yield (head if at == 0 else [""] * 6) + [target["target"], met]


def document(row, line, judged):
    return {
        "row": row,
        "what": line.what,
        "unit": line.unit,
        "ours": line.median("ours"),
        "rival": line.median("rival"),
        "ratio": line.times("rival"),
        "limit": line.median("limit"),
        "how_close": line.times("limit"),
        "rival_is": line.rival,
        "limit_is": line.limit,
        "targets": line.targets if judged else [t | {"met": None} for t in line.targets],
        "samples": line.samples,
        "notes": line.notes,
    }


def show(table, facts, bench):
    widths = [max(len(row[at]) for row in table) for at in range(len(COLUMNS))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    where = f"{facts['cores']} cores, kernel {facts['kernel']}, {facts['file_system']}"
    sizes = "quick sizes, targets not judged" if bench.quick else f"medians of {bench.runs} runs"
    print(f"\n{where}; {sizes}; ratio and closeness run by run")


def main():
    parser = argparse.ArgumentParser(prog="ops/bench.sh", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: does it work?")
    parser.add_argument("--runs", type=int, help="how often each is measured")
    parser.add_argument("--needs", action="store_true", help="print the packages to build")
    parser.add_argument("--binaries", help="folder of release binaries")
    parser.add_argument("--folder", help="folder on the disk to measure")
    parser.add_argument("--out", help="where the JSON goes")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(names()))
    args = parser.parse_args()
    chosen = args.rows or names()
    if unknown := [name for name in chosen if name not in names()]:
        parser.error(f"no row {unknown[0]}; there are: {', '.join(names())}")
    if args.runs is not None and args.runs < 1:
        parser.error("--runs takes a number from 1")
    rows = {name: load(name) for name in chosen}
    if args.needs:
        print("\n".join(sorted({need for row in rows.values() for need in row.NEEDS})))
        return 0

    bench = Bench(args.folder, args.binaries, args.quick, args.runs)
    bench.folder.mkdir(parents=True, exist_ok=True)
    facts = machine(bench.folder)
    table, documents, failed = [COLUMNS], [], False
    try:
        for name, row in rows.items():
            bench.say(f"{name}: {row.__doc__.splitlines()[0]}")
            try:
                for line in row.measure(bench):
                    table.extend(cells(line, not bench.quick))
                    documents.append(document(name, line, not bench.quick))
                    failed |= not bench.quick and not all(t["met"] for t in line.targets)
            except Skipped as why:
                table.append([name, f"skipped: {why}"] + [""] * 6)
                documents.append({"row": name, "skipped": str(why)})
    finally:
        bench.clear()
    report = {
        "schema": SCHEMA,
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": output("git", "rev-parse", "HEAD"),
        "quick": bench.quick,
        "runs": bench.runs,
        "machine": facts,
        "rows": documents,
    }
    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show(table, facts, bench)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as why:
        print(f"bench: {why}", file=sys.stderr)
        sys.exit(69)
