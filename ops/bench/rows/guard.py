"""A cycle of `guard run` on a healthy host, beside a cycle of monit over the same things."""

import os
import shutil
import subprocess

from bench import Line
from doctor import Holder

NEEDS = ["guard"]

# What of guard's checks monit does within one cycle. It has no port audit, no containers' ports, no
# keys, and what its programs said is looked at a cycle later.
MONIT = """set daemon 600
set log {base}/monit.log
set idfile {base}/monit.id
set statefile {base}/monit.state
set pidfile {base}/monit.pid
check filesystem root with path / if space usage > 100% then alert
check file guard.log with path {log} if timestamp > 12 minutes then alert
check host api with address 127.0.0.1 if failed port 8000 protocol http then alert
check host console with address 127.0.0.1 if failed port 8787 protocol http then alert
"""


def monit(bench):
    """The program, installed if that can be done; `None` when it cannot be had."""
    if not shutil.which("monit") and os.geteuid() == 0 and shutil.which("apt-get"):
        bench.say("installing monit")
        # It would start a daemon of its own: the policy that forbids it is Debian's.
        env = bench.env | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "monit"],
                       env=env, check=False, stdout=subprocess.DEVNULL)
    if not (program := shutil.which("monit")):
        bench.say("monit is not here: measured without it")
    return program


def measure(bench):
    program, rival = bench.binary("guard"), monit(bench)
    holder = Holder(bench)
    cpu = {"ours": [], "rival": []}

    def ours():
        ms, _, whole, code, said = holder.run(program, "run", "--json")
        if code != 0:
            raise RuntimeError(f"guard ended with {code}:\n{said}")
        cpu["ours"].append(whole)
        return ms

    def theirs():
        ms, _, whole, code, said = holder.run(rival, "-c", control, "validate")
        # Its code is 1 after a cycle without events too.
        if code not in (0, 1) or "failed" in said:
            raise RuntimeError(f"monit ended with {code}:\n{said}")
        cpu["rival"].append(whole)
        return ms

    base = bench.fresh("monit")
    control = base / "monitrc"
    control.write_text(MONIT.format(base=base, log=holder.base / "guard.log"))
    control.chmod(0o600)

    def memory(*argv):
        """MiB at its most. A process counts what its parent held before exec: so not under Python."""
        if not shutil.which("time"):
            return None
        told = base / "memory"
        holder.run(shutil.which("time"), "-q", "-f", "%M", "-o", told, *argv)
        return int(told.read_text()) / 1024

    try:
        ours()
        most = memory(program, "run", "--json")
        samples = bench.alternate(**({"ours": ours, "rival": theirs} if rival else {"ours": ours}))
    finally:
        holder.close()
    mean = {name: round(sum(times) / len(times), 1) for name, times in cpu.items() if times}
    made = Line(
        what="guard run, one cycle",
        unit="ms",
        samples=samples,
        rival="monit validate: disk, age of the log, two HTTP checks; no commands" if rival else "",
        notes={f"cpu_ms_{name}": value for name, value in mean.items()},
    )
    if most:
        made.target("< 20 MiB at its most", most, most < 20)
    return [made]
