#!/usr/bin/env python3
"""Usage: client.py URL list | client.py URL add FILE (a note for each line)."""

import sys
import urllib.request

url, verb = sys.argv[1:3]
if verb == "list":
    with urllib.request.urlopen(url, timeout=30) as answer:
        sys.stdout.write(answer.read().decode())
else:
    with open(sys.argv[3]) as lines:
        for line in lines:
            note = line.rstrip("\n").encode()
            urllib.request.urlopen(url, data=note, timeout=30).close()
