"""Prints what Python makes of each document.

Reads one document a line, in hexadecimal so that it may hold any byte. Prints one line for each:
its canonical text, or `!` and why Python refuses it.
"""

import binascii
import json
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)

for line in sys.stdin.buffer:
    try:
        document = json.loads(binascii.unhexlify(line.strip()))
        print(json.dumps(document, separators=(",", ":"), sort_keys=True))
    except (ValueError, RecursionError) as error:
        print("!" + type(error).__name__)
