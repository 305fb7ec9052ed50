"""The same commands drained with the policy's group commit."""

from bench import Line, Rival, Root, drop, limit, shape

NEEDS = ["bridge-exec", "bench-limit"]
GROUP = 256  # configs/bridge.yaml: group.commands


def measure(bench):
    count, few = bench.size(5120, 512), bench.size(400, 50)
    sizes = []

    def ours():
        root = Root(bench, "batch")
        ids = drop(root.root, "many", count)
        seconds = root.once(count)
        sizes[:] = shape(root.root, ids[0])
        return count / seconds

    def rival():
        root = Rival(bench, "batch-rival")
        drop(root.root, "many", few)
        seconds = root.once(few)
        return few / seconds

    samples = bench.alternate(
        ours=ours, rival=rival, limit=lambda: count / limit(bench, count, GROUP, sizes)
    )
    line = Line(
        what="commands, as a batch",
        unit="/s",
        samples=samples,
        rival="rivals/executor.py once",
        limit=f"bench-limit, groups of {GROUP}",
        notes={"commands": count, "rival_commands": few},
    )
    rate, close, times = line.median("ours"), line.times("limit"), line.times("rival")
    line.target(">= 2000/s", rate, rate >= 2000)
    line.target(">= half the disk", close, close >= 0.5)
    line.target(">= 20x rival", times, times >= 20)
    return [line]
