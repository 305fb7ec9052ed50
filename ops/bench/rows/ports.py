"""The port audit on a host with 50,000 sockets, few of which listen."""

import json
import subprocess
import sys

from bench import Line, Skipped

NEEDS = ["listeners"]
UNSHARE = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]

# Runs as process 1 of a namespace of its own, which holds the sockets; then every line of standard
# input is a command, and every line of standard output how long it took and what it said. The
# first argument is how many sockets, the second what they are.
HOLDER = r"""
import json, resource, socket, subprocess, sys, time
count, kind = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, count + 1000))
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
held = []
def listen(at):
    one = socket.create_server(at, backlog=64)
    held.append(one)
    return one
listen(("0.0.0.0", 22)); listen(("127.0.0.1", 8000)); listen(("127.0.0.1", 8787))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("0.0.0.0", 41641)); held.append(udp)
if kind == "connections":
    server = listen(("127.0.0.1", 9000))
    while len(held) + 2 <= count:
        held.append(socket.create_connection(server.getsockname()))
        held.append(server.accept()[0])
else:
    at = 0
    while len(held) < count:
        listen((f"127.1.{at // 250}.{at % 250 + 1}", 7000)); at += 1
print(len(held), flush=True)
for line in sys.stdin:
    argv = json.loads(line)
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, close_fds=False)
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps([ms, done.returncode, done.stdout, done.stderr]), flush=True)
"""


class Holder:
    """A private network namespace with `count` sockets in it."""

    def __init__(self, bench, count, kind):
        argv = [*UNSHARE, sys.executable, "-c", HOLDER, str(count), kind]
        try:
            self.process = subprocess.Popen(
                argv, env=bench.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as why:
            raise Skipped(f"unshare: {why}") from why
        if not (said := self.process.stdout.readline()):
            self.close()
            raise Skipped("no private namespace here (it takes root, unshare and ip)")
        self.count = int(said)

    def run(self, *argv):
        """Milliseconds from start to end of one command, and what it printed."""
        print(json.dumps([str(arg) for arg in argv]), file=self.process.stdin, flush=True)
        ms, code, out, err = json.loads(self.process.stdout.readline())
        if code != 0:
            raise RuntimeError(f"{argv[0]} exited {code}:\n{err}")
        return ms, out

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


def measure(bench):
    count = bench.size(50_000, 2_000)
    program = bench.binary("examples/ports")
    lines = []
    for kind, rival, ask, target in (
        ("connections", "-Htln", "nobody", 10),
        ("connections", "-Htlnp", "strangers", 100),
        ("listeners", "-Htln", "nobody", None),
        ("listeners", "-Htlnp", "strangers", None),
    ):
        holder = Holder(bench, count, kind)
        try:
            lines.append(line(bench, holder, program, kind, rival, ask, target))
        finally:
            holder.close()
    return lines


def line(bench, holder, program, kind, rival, ask, target):
    inner = []

    def ours():
        ms, out = holder.run(program, ask)
        seen = json.loads(out)
        listening = 5 if kind == "connections" else holder.count
        if (seen["source"], seen["sockets"]) != ("netlink", listening):
            raise RuntimeError(f"the audit saw other sockets than there are: {out}")
        inner.append(seen["read_ms"] + seen["judge_ms"])
        return ms

    samples = bench.alternate(ours=ours, rival=lambda: holder.run("ss", rival)[0])
    inner.sort()
    owners = "with owners" if ask == "strangers" else "without owners"
    made = Line(
        what=f"port audit, {holder.count:,} {kind}, {owners}",
        unit="ms",
        samples=samples,
        rival=f"ss {rival}",
        notes={"sockets": holder.count, "in_process_ms": round(inner[len(inner) // 2], 3)},
    )
    if target:
        median = made.median("ours")
        made.target(f"< {target} ms", median, median < target)
    return made
