"""Single-file commands, each durable before the next is begun."""

from bench import Line, Rival, Root, drop, limit, shape

NEEDS = ["bridge-exec", "bench-limit"]


def measure(bench):
    count, few = bench.size(2000, 100), bench.size(400, 50)
    sizes = []

    def ours():
        root = Root(bench, "single")
        ids = drop(root.root, "one", count)
        seconds = root.once(count, "--group", "1")
        sizes[:] = shape(root.root, ids[0])
        return count / seconds

    def rival():
        root = Rival(bench, "single-rival")
        drop(root.root, "one", few)
        seconds = root.once(few)
        return few / seconds

    samples = bench.alternate(
        ours=ours, rival=rival, limit=lambda: count / limit(bench, count, 1, sizes)
    )
    line = Line(
        what="commands, one at a time",
        unit="/s",
        samples=samples,
        rival="rivals/executor.py once",
        limit="bench-limit, groups of 1",
        notes={"commands": count, "rival_commands": few},
    )
    rate = line.median("ours")
    line.target(">= 300/s", rate, rate >= 300)
    return [line]
