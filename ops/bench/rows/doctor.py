"""`doctor host` on a healthy host whose outside commands answer at once, beside lynis."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from bench import HERE, Line, Skipped

NEEDS = ["doctor"]
UNSHARE = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]

# Process 1 of namespaces of its own: it holds what a healthy host's services hold, and answers for
# the API and HQ. Every line of standard input is a command, and every line of standard output how
# long it took (ms), what of that was its own CPU and what that of it and its commands, its exit code
# and what it said.
HOLDER = r"""
import http.server, json, os, resource, subprocess, sys, tempfile, threading, time
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "addr", "add", "100.101.102.103/32", "dev", "lo"], check=True)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
for port in (8000, 8787):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    argv = json.loads(line)
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        ms = (time.perf_counter() - start) * 1000
        # Every thread's own, which is what the process used without its commands.
        fields = open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])
        own = ticks * 1000 / os.sysconf("SC_CLK_TCK")
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read().decode()
    whole = (used.ru_utime + used.ru_stime) * 1000
    print(json.dumps([ms, own, whole, child.returncode, said]), flush=True)
"""

PROGRAMS = {
    "tailscale": """case "$1" in
status) echo '{"Version":"1.98.2","TUN":true,"BackendState":"Running","TailscaleIPs":["100.101.102.103"],"Self":{"Online":true,"DNSName":"a.example.ts.net."},"Health":[]}' ;;
ip) echo 100.101.102.103 ;;
funnel) echo '{}' ;;
debug) echo '{"RunSSH":false}' ;;
esac""",
    "docker": """case "$1 $4" in
"version "*) echo 28.2.2 ;;
"ps "*) echo 0123456789abcdef ;;
"container "*) echo '[{"Id":"0123456789abcdef","Name":"/api","State":{"Status":"running"},"HostConfig":{"NetworkMode":"bridge","PortBindings":{}},"NetworkSettings":{"Ports":{"8000/tcp":[{"HostIp":"127.0.0.1","HostPort":"8000"}]}}}]' ;;
"compose config") echo api ;;
"compose ps") echo '{"Name":"ops-api-1","Service":"api","State":"running","Health":"healthy"}' ;;
esac""",
    "systemctl": """case "$1" in
list-timers) echo '[{"next":NEXT,"left":0,"last":LAST,"passed":0,"unit":"aiops-guard.timer","activates":"aiops-guard.service"}]' ;;
show) printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n' ;;
esac""",
}


class Holder:
    """A host in private namespaces on which everything is as it should be."""

    def __init__(self, bench):
        base = self.base = bench.fresh("doctor")
        (base / "bin").mkdir()
        (base / "configs").mkdir()
        now = int(time.time())
        for name, script in PROGRAMS.items():
            script = script.replace("NEXT", f"{now + 300}000000").replace("LAST", f"{now - 60}000000")
            path = base / "bin" / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        log = base / "guard.log"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 60))
        log.write_text(f"ts={stamp} event=pass checks=8\n")
        configs = HERE.parent.parent / "configs"
        policy = (configs / "doctor.yaml").read_text()
        policy = policy.replace("/var/log/ai-ops-runner/guard.log", str(log))
        policy = policy.replace("warn_percent: 80, fail_percent: 90", "warn_percent: 100, fail_percent: 100")
        (base / "configs" / "doctor.yaml").write_text(policy)
        for name in ("guard.yaml", "keys.yaml"):
            shutil.copy(configs / name, base / "configs")
        path = f"{base / 'bin'}:{bench.env['PATH']}"
        more = {"PATH": path, "AIOPS_CONFIGS": str(base / "configs"), "AIOPS_HOME": str(base / "home")}
        try:
            self.process = subprocess.Popen(
                [*UNSHARE, sys.executable, "-c", HOLDER],
                env=bench.env | more,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as why:
            raise Skipped(f"unshare: {why}") from why
        if not self.process.stdout.readline():
            self.close()
            raise Skipped("no private namespace here (it takes root, unshare and ip)")

    def run(self, *argv):
        print(json.dumps([str(arg) for arg in argv]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


def lynis(bench):
    """Seconds of one `lynis audit system --quick`; it takes so long that it is run once."""
    if bench.quick:
        return None
    if not shutil.which("lynis") and os.geteuid() == 0 and shutil.which("apt-get"):
        bench.say("installing lynis")
        subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "lynis"],
                       env=bench.env | {"DEBIAN_FRONTEND": "noninteractive"}, check=False,
                       stdout=subprocess.DEVNULL)
    if not (program := shutil.which("lynis")):
        bench.say("lynis is not here: measured without it")
        return None
    bench.say("lynis audit system --quick, once (a minute or two)")
    logs = bench.fresh("lynis")
    start = time.perf_counter()
    # Its exit code is 0 with findings too; what counts is that it came to its end.
    done = subprocess.run(
        [program, "audit", "system", "--quick", "--no-colors",
         "--logfile", str(logs / "log"), "--report-file", str(logs / "report")],
        env=bench.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )
    seconds = time.perf_counter() - start
    if "lynis_tests_done" not in pathlib.Path(logs / "report").read_text():
        raise RuntimeError(f"lynis did not come to its end:\n{done.stdout[-2000:]}")
    return seconds


def measure(bench):
    program = bench.binary("doctor")
    holder = Holder(bench)
    own, whole = [], []

    def ours():
        ms, own_ms, whole_ms, code, said = holder.run(program, "host", "--json")
        report = json.loads(said)
        if code != 0 or report["counts"]["pass"] + report["counts"]["warn"] != 9:
            raise RuntimeError(f"doctor found {report['counts']}:\n{said}")
        own.append(own_ms)
        whole.append(whole_ms)
        return ms

    try:
        ours()
        own.clear(), whole.clear()
        # The clock of the kernel's own accounts ticks every 10 ms: many runs, and their mean.
        for _ in range(bench.size(40, 3)):
            ours()
        samples = bench.alternate(ours=ours)
    finally:
        holder.close()
    own, whole = sum(own) / len(own), sum(whole) / len(whole)
    rival = lynis(bench)
    if rival:
        samples["rival"] = [rival * 1000] * len(samples["ours"])
    made = Line(
        what="doctor host, every check on",
        unit="ms",
        samples=samples,
        rival="lynis audit system --quick (run once)" if rival else "",
        notes={"own_cpu_ms": round(own, 2), "cpu_with_commands_ms": round(whole, 2)},
    )
    median = made.median("ours")
    made.target("< 100 ms wall", median, median < 100)
    made.target("< 30 ms own CPU", own, own < 30)
    if rival:
        times = made.times("rival")
        made.target(">= 200 times lynis", times, times >= 200)
    return [made]
