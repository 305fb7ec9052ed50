"""What the runner's queue does: submissions, pick-up, and both beside many ended jobs."""

import json

from bench import Line, Skipped

NEEDS = ["run-queue"]
TARGETS = {"sqlite": 5000, "postgresql": 2000}


def measure(bench):
    lines = []
    for engine, wanted in TARGETS.items():
        try:
            lines += figures(bench, engine, wanted)
        except RuntimeError as why:
            if "not installed" not in str(why):
                raise
            bench.say(f"  {engine}: {why}")
    if not lines:
        raise Skipped("no engine can be measured here")
    return lines


def figures(bench, engine, wanted):
    sizes = bench.size((20000, 100000, 10000), (500, 500, 200))
    program = bench.binary("examples/queue-figures")
    runs = []
    for number in range(bench.runs):
        bench.quiet()
        _, out = bench.call(program, engine, bench.fresh(f"queue-{engine}"), *sizes)
        runs.append(json.loads(out))
        bench.say(f"  {engine}, run {number + 1} of {bench.runs}: {out.strip()}")
    of = lambda name: [run[name] for run in runs]
    rate = Line(f"durable submissions to the queue by 16 threads, {engine}", "/s", {"ours": of("submissions_per_second")})
    rate.target(f">= {wanted}/s", rate.median("ours"), rate.median("ours") >= wanted)
    pick_up = Line(f"pick-up when idle, across two engines, {engine}", "ms", {"ours": of("pick_up_ms")})
    pick_up.target("below 20 ms", pick_up.median("ours"), pick_up.median("ours") < 20)
    lines = [rate, pick_up]
    for what, full, told in [
        ("list", "list_full_ms", f"{sizes[1]} ended"),
        ("claim", "claim_full_ms", f"{sizes[1]} ended"),
        ("claim", "claim_queued_ms", f"{sizes[1]} ended, {sizes[2]} waiting"),
    ]:
        samples = {"ours": of(full), "rival": of(f"{what}_empty_ms")}
        line = Line(f"{what}, {told}, {engine}", "ms", samples, rival="the same, nearly empty")
        slower = line.median("ours") / line.median("rival")
        if full != "claim_queued_ms":
            line.target("at most 1.5 times an empty one", slower, slower <= 1.5)
        line.notes["times an empty one"] = round(slower, 2)
        lines.append(line)
    return lines
