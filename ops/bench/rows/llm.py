"""What the router itself costs, beside LiteLLM, in front of the same local servers."""

import json
import statistics
import subprocess

from bench import HERE, Line, from_pypi

NEEDS = ["bench-review", "fakes", "llm"]
LITELLM = "1.106.2"
CONFIGS = HERE.parent.parent / "configs"
TEXT = "".join(f"+    let value_{n} = compute({n}); // a line of a diff\n" for n in range(75))


def measure(bench):
    python = from_pypi(bench, "litellm", LITELLM) / "python"
    with Fake(bench, "openai", "answer") as up, Fake(bench, "mistral", "answer") as spare:
        with Fake(bench, "openai", {"trouble": "no_quota"}) as down:
            warm = Asked(bench, python, "general", [up.base], up, spare)
            fallen = Asked(bench, python, "review", [down.base, spare.base], down, spare)
            lines = [own_time(bench, warm), own_time_with_fallback(bench, fallen)]
            return lines + whole_process(bench, warm)


class Asked:
    """The same questions, put to our router and to LiteLLM."""

    def __init__(self, bench, python, purpose, bases, openai, mistral):
        self.bench, self.purpose, self.bases = bench, purpose, bases
        self.folder = bench.fresh(f"llm-{purpose}")
        self.home, self.text = self.folder / "home", self.folder / "text"
        self.text.write_text(TEXT)
        configs(self.folder, openai, mistral)
        self.env = {
            "AIOPS_CONFIGS": str(self.folder),
            "OPENAI_API_KEY": openai.key,
            "MISTRAL_API_KEY": mistral.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        self.count = bench.size(200, 5)
        self.rival = [python, HERE / "rivals/litellm_ask.py"]

    def ours(self):
        program = self.bench.binary("bench-ask")
        words = [self.folder, self.home, self.text, self.count, self.purpose, *self.bases]
        return self.own(self.bench.call(program, *words, env=self.env)[1])

    def theirs(self):
        words = ["many", self.text, self.count, *self.bases]
        return self.own(self.bench.call(*self.rival, *words, env=self.env)[1])

    @staticmethod
    def own(out):
        """Milliseconds a question took longer than the plain calls."""
        said = json.loads(out.splitlines()[-1])
        return statistics.median(said["asked_ms"]) - statistics.median(said["plain_ms"])


def own_time(bench, asked):
    samples = bench.alternate(ours=asked.ours, rival=asked.theirs)
    line = Line("router, own time a call", "ms", samples, rival=f"LiteLLM {LITELLM}, its Router")
    line.target("below 1 ms", line.median("ours"), line.median("ours") < 1)
    return line


def own_time_with_fallback(bench, asked):
    samples = bench.alternate(ours=asked.ours, rival=asked.theirs)
    return Line("... with a fallback", "ms", samples, rival=f"LiteLLM {LITELLM}, its Router")


def whole_process(bench, asked):
    ours = [bench.binary("llm"), "--home", asked.home, "ask", TEXT]
    rival = [*asked.rival, "one", asked.text, asked.bases[0]]
    repeats = bench.size(10, 2)
    many = lambda: sum(bench.call(*ours, env=asked.env)[0] for _ in range(repeats)) * 1000 / repeats
    samples = bench.alternate(ours=many, rival=lambda: bench.call(*rival, env=asked.env)[0] * 1000)
    name = f"LiteLLM {LITELLM}, completion()"
    time = Line("process of one call", "ms", samples, rival=name)
    time.target("below 20 ms", time.median("ours"), time.median("ours") < 20)
    time.target(">= 100x LiteLLM", time.times("rival"), time.times("rival") >= 100)
    samples = bench.alternate(
        ours=lambda: bench.peak(*ours, env=asked.env),
        rival=lambda: bench.peak(*rival, env=asked.env),
    )
    memory = Line("... its memory", "MB", samples, rival=name)
    memory.target(">= 10x LiteLLM", memory.times("rival"), memory.times("rival") >= 10)
    return [time, memory]


def configs(folder, openai, mistral):
    for name in ("models.json", "keys.yaml"):
        (folder / name).write_bytes((CONFIGS / name).read_bytes())
    settings = json.loads((CONFIGS / "llm.json").read_text())
    settings["enabledProviders"] = ["openai", "mistral"]
    settings["reviewFallback"]["model"] = "mistral-small-latest"
    settings["providers"] = {
        "openai": {"apiBase": openai.base},
        "mistral": {"apiBase": mistral.base},
    }
    # The measured calls are thousands.
    settings["budget"] |= {"maxUsdPerReview": 90.0, "maxUsdPerRun": 900.0, "maxUsdPerDay": 900.0}
    (folder / "llm.json").write_text(json.dumps(settings))


class Fake:
    """A provider on loopback; ends when its input does."""

    def __init__(self, bench, provider, otherwise):
        script = bench.fresh(f"fake-{provider}") / "script.json"
        script.write_text(json.dumps({"otherwise": otherwise}))
        argv = [bench.binary("fake-llm"), provider, "--script", str(script)]
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, env=bench.env, text=True)
        url, self.key = self.child.stdout.readline().split()
        self.base = f"{url}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(timeout=30)
        self.child.stdout.close()
