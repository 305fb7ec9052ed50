"""From the rename into commands/ to results/<id>.json being there, under watch."""

import os
import statistics
import subprocess
import time

from bench import Line, Rival, Root, command, limit, shape, write_op

NEEDS = ["bridge-exec", "bench-limit"]
POLL = 0.0002


def measure(bench):
    count = bench.size(300, 30)
    sizes, every = [], {"ours": [], "rival": []}
    tails = {"ours": [], "rival": []}

    def watched(name, root, argv):
        (root / "incoming").mkdir()
        with subprocess.Popen(
            [str(arg) for arg in argv],
            env=bench.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as watcher:
            try:
                for number in range(5):
                    follow(root, f"warm-{number}", watcher)
                bench.quiet()
                times = [follow(root, f"one-{number:06}", watcher) for number in range(count)]
            finally:
                watcher.terminate()
                watcher.wait(30)
        seen = sorted(ms for ms, _ in times)
        every[name].append(statistics.median(ms for _, ms in times))
        tails[name].append(seen[min(len(seen) - 1, int(len(seen) * 0.99))])
        return statistics.median(seen)

    def ours():
        root = Root(bench, "watch")
        argv = [bench.binary("bridge-exec"), "watch", "--root", root.root, "--home", root.home]
        median = watched("ours", root.root, argv)
        sizes[:] = shape(root.root, "one-000000")
        return median

    def rival():
        root = Rival(bench, "watch-rival")
        median = watched("rival", root.root, root.argv("watch"))
        return median

    samples = bench.alternate(
        ours=ours, rival=rival, limit=lambda: limit(bench, count, 1, sizes) * 1000 / count
    )
    notes = {"commands": count, "stat_poll_ms": POLL * 1000}
    for name in ("ours", "rival"):
        notes[f"{name}_p99_ms"] = round(statistics.median(tails[name]), 2)
        notes[f"{name}_inbound_removed_ms"] = round(statistics.median(every[name]), 2)
    line = Line(
        what="drop to result, median",
        unit="ms",
        samples=samples,
        rival="rivals/executor.py watch (looks every 1 ms)",
        limit="bench-limit, groups of 1: all flushes of one command",
        notes=notes,
    )
    median = line.median("ours")
    line.target("< 20 ms", median, median < 20)
    return [line]


def follow(root, ident, watcher):
    """Drops one command; returns the ms until its result was there, and until it was finished."""
    staged = root / "incoming" / f"{ident}.json"
    staged.write_bytes(command(ident, [write_op(ident)]))
    inbound, result = root / "commands" / staged.name, root / "results" / staged.name
    start = time.perf_counter()
    os.rename(staged, inbound)
    seen = until(lambda: result.exists(), watcher, start)
    finished = until(lambda: not inbound.exists(), watcher, start)
    return seen, finished


def until(is_so, watcher, start):
    while not is_so():
        if watcher.poll() is not None:
            raise RuntimeError(f"the watcher exited {watcher.returncode}")
        if time.perf_counter() - start > 60:
            raise RuntimeError("no result within 60 s")
        time.sleep(POLL)
    return (time.perf_counter() - start) * 1000
