"""The port audit on a host with 50,000 sockets, few of which listen."""

import json
import subprocess
import sys

from bench import Line, Skipped

NEEDS = ["listeners"]
UNSHARE = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]

# Runs as process 1 of a namespace of its own, whose children hold the sockets, as many each as one
# process may; then every line of standard input is a command, and every line of standard output how
# long it took and what it said. The first argument is how many sockets, the second what they are.
HOLDER = r"""
import json, os, resource, signal, socket, subprocess, sys, time
count, kind = int(sys.argv[1]), sys.argv[2]
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
most = min(most, count + 100) - 100
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listen = lambda *at: socket.create_server(at, backlog=64)
held = [listen("0.0.0.0", 22), listen("127.0.0.1", 8000), listen("127.0.0.1", 8787)]
held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
held[-1].bind(("0.0.0.0", 41641))
total = few = listening = len(held)
def hold(first, number):
    if kind == "listeners":
        place = lambda at: f"127.1.{at // 250}.{at % 250 + 1}"
        return [listen(place(at), 7000) for at in range(first, first + number)]
    mine = [listen("127.0.0.1", 9000 + listening)]
    while len(mine) + 2 <= number:
        mine.append(socket.create_connection(mine[0].getsockname()))
        mine.append(mine[0].accept()[0])
    return mine
while total + 2 <= count:
    number = min(most, count - total)
    read, write = os.pipe()
    if os.fork() == 0:
        for one in held:
            one.close()
        mine = hold(total - few, number)
        os.write(write, b"%d" % len(mine))
        while True:
            signal.pause()
    os.close(write)
    made = int(os.read(read, 20))
    total += made
    listening += made if kind == "listeners" else 1
print(json.dumps([total, listening]), flush=True)
for line in sys.stdin:
    argv = json.loads(line)
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True)
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
        self.count, self.listening = json.loads(said)

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
        if (seen["source"], seen["sockets"]) != ("netlink", holder.listening):
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
