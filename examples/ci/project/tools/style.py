#!/usr/bin/env python3
"""Complains about long lines, tabs and space at line ends in the files named."""

import sys

bad = 0
for name in sys.argv[1:]:
    with open(name) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if len(line) > 110 or "\t" in line or line != line.rstrip():
                print(f"{name}:{number}: {line!r}")
                bad += 1
print("style: clean" if not bad else f"style: {bad} lines")
sys.exit(bool(bad))
