"""What telling somebody something costs: `notify send` beside Apprise, to the same local server."""

import http.server
import json
import subprocess
import sys
import threading

from bench import HERE, Line

NEEDS = ["notify"]
ROOT = HERE.parent.parent
TITLE, TEXT = "disk.free", "/var is 91 % full; the limit is 90 %"


def measure(bench):
    with Server() as server:
        settings = configs(bench, server.port)
        lines = [dry_run(bench, settings), delivery(bench, settings, server)]
    return lines


def dry_run(bench, settings):
    home = bench.fresh("notify-dry")
    ours = sender(bench, settings, home, "--dry-run")
    rival = apprise(bench, "--dry-run", "json://127.0.0.1:9/alerts")
    samples = bench.alternate(**subjects(bench, ours, rival))
    line = Line("notify send --dry-run", "ms", samples, rival="apprise --dry-run")
    line.target("below 10 ms", line.median("ours"), line.median("ours") < 10)
    at_least_30(line)
    return line


def delivery(bench, settings, server):
    home = bench.fresh("notify-send")
    ours = sender(bench, settings, home)
    rival = apprise(bench, f"json://127.0.0.1:{server.port}/alerts")
    before = server.taken
    samples = bench.alternate(**subjects(bench, ours, rival))
    calls = sum(len(values) for values in samples.values()) * repeats(bench)
    if server.taken - before != calls:
        raise RuntimeError(f"{calls} messages were sent and {server.taken - before} arrived")
    line = Line("one local delivery", "ms", samples, rival="apprise json://")
    at_least_30(line)
    return line


def at_least_30(line):
    times = line.times("rival")
    if times is not None:
        line.target(">= 30x Apprise", times, times >= 30)


def repeats(bench):
    return bench.size(10, 2)


def subjects(bench, ours, rival):
    count = repeats(bench)
    mean = lambda one: lambda: sum(one() for _ in range(count)) * 1000 / count
    return {"ours": mean(ours)} | ({"rival": mean(rival)} if rival else {})


def sender(bench, settings, home, *more):
    argv = [bench.binary("notify"), "send", "--title", TITLE, "--message", TEXT, "--channel"]
    env = {"AIOPS_CONFIGS": str(settings), "AIOPS_HOME": str(home)}
    return lambda: bench.call(*argv, "webhook", *more, env=env)[0]


def apprise(bench, *args):
    """Apprise from PyPI, in a folder of its own; None where it cannot be had."""
    folder = ROOT / "target/tools/apprise"
    env = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""}
    start = "import sys; from apprise.cli import main; sys.exit(main())"
    argv = [sys.executable, "-c", start, "-t", TITLE, "-b", TEXT, *args]
    if not (folder / "apprise").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "apprise"]
        made = subprocess.run(pip, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            bench.say(f"  apprise could not be installed: {made.stderr.strip()[-200:]}")
            return None
        bench.call(*argv, env=env)  # the first call compiles it
    return lambda: bench.call(*argv, env=env)[0]


def configs(bench, port):
    """The shipped settings, with the webhook as the only channel. JSON is YAML."""
    folder = bench.fresh("notify-configs")
    (folder / "keys.yaml").write_bytes((ROOT / "configs/keys.yaml").read_bytes())
    off = {"enabled": False, "apiBase": "https://nobody.example"}
    settings = {
        "order": ["webhook"],
        "rateLimitMinutes": 30,
        "ttlMinutes": 360,
        "historyDays": 30,
        "perFlush": 10,
        "timeoutSeconds": 20,
        "emergencyTries": 3,
        "backoff": {"baseSeconds": 5, "longestSeconds": 600},
        "hostInTitle": False,
        "channels": {
            "pushover": off,
            "twilio": off,
            "ntfy": off | {"topic": "none"},
            "webhook": {"enabled": True, "apiBase": f"http://127.0.0.1:{port}/alerts"},
        },
    }
    (folder / "notify.yaml").write_text(json.dumps(settings))
    return folder


class Server:
    """Takes every POST, on loopback, on threads of this process."""

    def __enter__(self):
        self.taken = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
