#!/usr/bin/env python3
"""Takes the rule set out of a gitleaks program: update.py PROGRAM. README.md says where from."""

import hashlib
import pathlib
import sys
import tomllib

START = b"# This file has been auto-generated. Do not edit manually.\n"


def rules(program):
    """The longest text behind START that is whole TOML with rules: what follows it is not text."""
    start = program.index(START)
    end = start
    while program[end] >= 32 or program[end] in b"\t\n":
        end += 1
    while end > start:
        end = program.rindex(b"\n", start, end)
        text = program[start : end + 1]
        try:
            if tomllib.loads(text.decode())["rules"]:
                return text
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError):
            continue
    raise SystemExit("update: no rules in this program")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    text = rules(pathlib.Path(sys.argv[1]).read_bytes())
    pathlib.Path(__file__).with_name("gitleaks.toml").write_bytes(text)
    print(f"{len(text)} bytes, SHA-256 {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main()
