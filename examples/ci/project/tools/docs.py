#!/usr/bin/env python3
"""Makes Markdown of the /** comments */ in the headers named."""

import re
import sys

for name in sys.argv[1:]:
    with open(name) as header:
        text = header.read()
    for comment, declaration in re.findall(r"/\*\* (.*?) \*/\n(.*?)[;{]", text, re.S):
        print(f"## `{' '.join(declaration.split())}`\n\n{comment}\n")
