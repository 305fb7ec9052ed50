#!/usr/bin/env python3
"""The executor a competent engineer writes in an afternoon: Python, standard library, durable.

It keeps the bridge's contract for signed writeFile commands: HMAC over canonical JSON, unique ids,
expiry, confined paths, journal before apply, every file by temporary name, fsync, rename and fsync
of its folder, a chained audit log, the inbound file removed last. It flushes no more than that
takes: one durable SQLite commit holds both the used id and the journal entry, dropping the entry is
not flushed, and folders stay open.

    executor.py --root DIR --state DIR once
    executor.py --root DIR --state DIR watch      looks at commands/ every millisecond
    executor.py --root DIR --state DIR seed FILE  notes the ids in FILE (one a line) as used

The secret comes from BRIDGE_HMAC.
"""

import argparse
import base64
import datetime
import difflib
import hashlib
import hmac
import json
import os
import re
import sqlite3
import sys
import time

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
LARGEST = 512 * 1024
OWN = {"commands", "results", "diffs", "archive", "dead_letter", "meta", "logs"}


class Refused(Exception):
    """A document that is not carried out; the text is the reason."""


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def dumps(document):
    return json.dumps(document, separators=(",", ":"), sort_keys=True)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Folder:
    """An open folder in which whole files appear durably."""

    def __init__(self, path):
        os.makedirs(path, exist_ok=True)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def put(self, name, data):
        temp = f".{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        fd = os.open(temp, flags, 0o640, dir_fd=self.fd)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temp, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def drop(self, name):
        os.unlink(name, dir_fd=self.fd)
        os.fsync(self.fd)


class Executor:
    def __init__(self, root, state, key):
        self.root, self.key = os.path.realpath(root), key
        folder = lambda name: Folder(os.path.join(self.root, name))
        self.commands, self.results, self.diffs = map(folder, ("commands", "results", "diffs"))
        self.archive, self.dead_letter, logs = map(folder, ("archive", "dead_letter", "logs"))
        self.targets = {}
        os.makedirs(state, exist_ok=True)
        self.db = sqlite3.connect(os.path.join(state, "rival.db"), isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self.db.execute("CREATE TABLE IF NOT EXISTS journal (id TEXT PRIMARY KEY, plan TEXT)")
        self.log = open(os.path.join(logs.path, "bridge.log"), "ab", buffering=0)
        os.fsync(logs.fd)
        self.chain = "0" * 64
        with open(self.log.name, "rb") as log:
            for line in log:
                self.chain = json.loads(line)["hash"]

    def recover(self):
        for (plan,) in self.db.execute("SELECT plan FROM journal").fetchall():
            self.apply(json.loads(plan))

    def judge(self, data):
        """Returns the document and the one file it writes, or raises Refused."""
        if len(data) > LARGEST:
            raise Refused("oversize")
        try:
            document = json.loads(data)
            signature = base64.b64decode(document.pop("hmac"), validate=True)
        except (ValueError, KeyError, AttributeError, TypeError):
            raise Refused("not_json") from None
        wanted = hmac.digest(self.key, dumps(document).encode(), "sha256")
        if not hmac.compare_digest(wanted, signature):
            raise Refused("bad_hmac")
        try:
            issued, expires = instant(document["issued_at"]), instant(document["expires_at"])
            ops = document["payload"]["inline"]["ops"]
            (op,) = [op for op in ops if op["op"] != "noop"]
            path, content = op["path"], op["content"].encode()
            sound = (
                ID.fullmatch(document["id"])
                and document["schemaVersion"] == "1.0"
                and document["action"] == "applyPatch"
                and document["target"] == "MAIN"
                and op["op"] == "writeFile"
                and "writeFile" in document["allowedActions"]
                and document["constraints"]["maxFilesChanged"] >= 1
                and document["constraints"]["maxRuntimeMs"] >= 1
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused("schema") from None
        if not sound:
            raise Refused("schema")
        skew = datetime.timedelta(seconds=30)
        if not issued - skew <= now() <= expires + skew:
            raise Refused("expired")
        if self.db.execute("SELECT 1 FROM seen WHERE id = ?", (document["id"],)).fetchone():
            raise Refused("duplicate_id")
        parts = path.split("/")
        if any(not part or part.startswith(".") for part in parts) or parts[0] in OWN:
            raise Refused("path_denied")
        full = os.path.join(self.root, path)
        if os.path.realpath(os.path.dirname(full)) != os.path.dirname(full) or os.path.islink(full):
            raise Refused("symlink")
        return document, path, content

    def plan(self, name, data):
        started = now()
        document, path, content = self.judge(data)
        full = os.path.join(self.root, path)
        try:
            with open(full, "rb") as file:
                before = file.read()
        except FileNotFoundError:
            before = None
        old = (before or b"").decode(errors="replace").splitlines(keepends=True)
        new = content.decode(errors="replace").splitlines(keepends=True)
        source = f"a/{path}" if before is not None else "/dev/null"
        diff = "".join(difflib.unified_diff(old, new, source, f"b/{path}"))
        finished = now()
        ms = int((finished - started).total_seconds() * 1000)
        result = dumps(
            {
                "schema": "aiops.bridge.result/1",
                "id": document["id"],
                "status": "ok",
                "exit_code": 0,
                "action": document["action"],
                "target": document["target"],
                "started_at": started.isoformat(),
                "finished_at": finished.isoformat(),
                "duration_ms": ms,
                "files": [
                    {
                        "path": path,
                        "change": "added" if before is None else "modified",
                        "sha256_before": None if before is None else sha256(before),
                        "sha256_after": sha256(content),
                        "bytes": len(content),
                    }
                ],
                "files_changed": 1,
                "constraints": document["constraints"],
                "limits_ok": True,
                "hmac_key": "current",
                "validators": [],
                "stdout": "",
                "stderr": "",
            }
        )
        integrity = dumps(
            {
                "id": document["id"],
                "input_sha256": sha256(data),
                "result_sha256": sha256(result.encode()),
                "diff_sha256": sha256(diff.encode()),
                "issued_at": document["issued_at"],
                "executed_at": finished.isoformat(),
                "duration_ms": ms,
                "files_changed": 1,
                "constraints": document["constraints"],
                "limits_ok": True,
                "hmac_ok": True,
                "exit_code": 0,
            }
        )
        return {
            "id": document["id"],
            "inbound": name,
            "input": base64.b64encode(data).decode(),
            "path": path,
            "before": None if before is None else sha256(before),
            "content": base64.b64encode(content).decode(),
            "diff": diff,
            "result": result,
            "integrity": integrity,
        }

    def apply(self, plan):
        """Carries out a plan that is in the journal; a second time changes nothing."""
        ident = plan["id"]
        folder, name = os.path.split(os.path.join(self.root, plan["path"]))
        if folder not in self.targets:
            self.targets[folder] = Folder(folder)
        self.targets[folder].put(name, base64.b64decode(plan["content"]))
        self.diffs.put(f"{ident}.patch", plan["diff"].encode())
        self.archive.put(f"{ident}.json", base64.b64decode(plan["input"]))
        self.results.put(f"{ident}.integrity.json", plan["integrity"].encode())
        self.results.put(f"{ident}.json", plan["result"].encode())
        self.note({"id": ident, "result": "ok", "exit": 0, "files_changed": 1, "hmac_ok": True})
        try:
            self.commands.drop(plan["inbound"])
        except FileNotFoundError:
            pass
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("DELETE FROM journal WHERE id = ?", (ident,))
        self.db.execute("PRAGMA synchronous=FULL")

    def note(self, entry):
        line = {"ts": now().isoformat(), **entry, "prev": self.chain}
        self.chain = line["hash"] = sha256(dumps(line).encode())
        self.log.write(dumps(line).encode() + b"\n")
        os.fsync(self.log.fileno())

    def refuse(self, name, data, reason):
        letter = {"reason": reason, "name": name, "input": data[:65536].decode(errors="replace")}
        self.dead_letter.put(name.lstrip("."), dumps(letter).encode())
        self.note({"id": name, "result": "dead_letter", "exit": 1, "reason": reason})
        self.commands.drop(name)

    def scan(self):
        """Works through what lies in commands/ now; returns how many files that was."""
        with os.scandir(self.commands.path) as entries:
            files = [
                (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
                for entry in entries
                if entry.name.endswith(".json") and entry.is_file(follow_symlinks=False)
            ]
        for _, name in sorted(files):
            with open(os.path.join(self.commands.path, name), "rb") as file:
                data = file.read(LARGEST + 1)
            try:
                plan = self.plan(name, data)
            except Refused as why:
                self.refuse(name, data, str(why))
                continue
            self.db.execute("BEGIN IMMEDIATE")
            self.db.execute("INSERT INTO seen VALUES (?)", (plan["id"],))
            self.db.execute("INSERT INTO journal VALUES (?, ?)", (plan["id"], dumps(plan)))
            self.db.execute("COMMIT")
            self.apply(plan)
        return len(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("call", choices=["once", "watch", "seed"])
    parser.add_argument("file", nargs="?")
    args = parser.parse_args()
    executor = Executor(args.root, args.state, os.environ["BRIDGE_HMAC"].encode())
    if args.call == "seed":
        with open(args.file, encoding="ascii") as ids:
            executor.db.execute("BEGIN")
            executor.db.executemany(
                "INSERT INTO seen VALUES (?)", ((line.strip(),) for line in ids)
            )
            executor.db.execute("COMMIT")
        return
    executor.recover()
    if args.call == "once":
        executor.scan()
        return
    print("ready", file=sys.stderr, flush=True)
    while True:
        if not executor.scan():
            time.sleep(0.001)


if __name__ == "__main__":
    main()
