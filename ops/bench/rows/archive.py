"""What one more command costs when 100,000 ids are in the archive, against an empty one."""

import os
import statistics

from bench import Line, Rival, Root, drop

NEEDS = ["bridge-exec"]
CHUNK = 10_000


def measure(bench):
    archived, count = bench.size(100_000, 1_000), bench.size(400, 40)
    full, full_rival = filled(bench, archived)
    costs = {"empty": [], "full": [], "rival_empty": [], "rival_full": [], "start": []}

    def ours():
        empty = Root(bench, "empty")
        # The very first command also makes the ledger and the folders; it is not the one meant.
        for root in (empty, full):
            drop(root.root, f"warm-{len(costs['empty'])}", 1)
            costs["start"].append(root.once(1) * 1000)
        for name, root in (("empty", empty), ("full", full)):
            drop(root.root, f"more-{len(costs[name])}", count)
            costs[name].append(root.once(count, "--group", "1") * 1000 / count)
        return costs["full"][-1] / costs["empty"][-1]

    def rival():
        empty = Rival(bench, "empty-rival")
        few = count // 4
        for name, root in (("rival_empty", empty), ("rival_full", full_rival)):
            drop(root.root, f"more-{len(costs[name])}", few)
            costs[name].append(root.once(few) * 1000 / few)
        return costs["rival_full"][-1] / costs["rival_empty"][-1]

    samples = bench.alternate(ours=ours, rival=rival)
    starts = costs.pop("start")
    costs |= {"start_with_one_empty": starts[0::2], "start_with_one_full": starts[1::2]}
    notes = {f"{name}_ms": round(statistics.median(ms), 3) for name, ms in costs.items()}
    line = Line(
        what=f"one more after {archived:,} ids",
        unit="x",
        samples=samples,
        rival="rivals/executor.py, the same ids and files",
        notes=notes | {"commands": count},
    )
    times = line.median("ours")
    line.target("<= 1.2x the first", times, times <= 1.2)
    return [line]


def filled(bench, archived):
    """Two roots with as many no-ops carried out: ours really, the rival's from the same files."""
    full = Root(bench, "full")
    noop = lambda _: [{"op": "noop"}]
    ids = []
    for chunk in range(0, archived, CHUNK):
        size = min(CHUNK, archived - chunk)
        ids += drop(full.root, f"old-{chunk}", size, noop)
        seconds = full.once(size)
        bench.say(f"  {chunk + size} of {archived} archived ({size / seconds:.0f}/s)")
    rival = Rival(bench, "full-rival")
    for name in ("archive", "results", "diffs"):
        (rival.root / name).mkdir()
        for entry in os.scandir(full.root / name):
            os.link(entry.path, rival.root / name / entry.name)
    names = rival.base / "ids"
    names.write_text("".join(f"{ident}\n" for ident in ids))
    bench.call(*rival.argv("seed", str(names)))
    return full, rival
