"""What asking for one secret costs: `key status` beside a bare process start."""

from bench import Line

NEEDS = ["key"]


def measure(bench):
    folder, home = bench.fresh("key-secrets"), bench.fresh("key-home")
    folder.chmod(0o700)
    secret = folder / "bridge_hmac"
    secret.write_text("bench-secret-that-guards-nothing\n")
    secret.chmod(0o600)
    env = {"AIOPS_HOME": str(home), "AIOPS_SECRETS_DIR": str(folder), "BRIDGE_HMAC": ""}
    count = bench.size(50, 5)
    mean = lambda *argv: lambda: sum(bench.call(*argv, env=env)[0] for _ in range(count)) * 1e3 / count
    samples = bench.alternate(
        ours=mean(bench.binary("key"), "status", "bridge_hmac"),
        rival=mean("/bin/true"),
    )
    line = Line("key status", "ms", samples, rival="/bin/true: a bare process start")
    return [line]
