#!/usr/bin/env python3
"""Write a disk image of some MiB that is the same every time, and its SHA-256.

The content is a chain of digests, each of the one before: it takes processor
time to make and does not compress, as a real image build and a real image.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

MIB = 1 << 20


def main() -> None:
    path, mib = Path(sys.argv[1]), int(sys.argv[2])
    sha256 = hashlib.sha256
    block = sha256(b"ministack").digest()
    whole = sha256()
    with open(path, "wb") as file:
        for _ in range(mib):
            blocks = []
            for _ in range(MIB // len(block)):
                block = sha256(block).digest()
                blocks.append(block)
            part = b"".join(blocks)
            whole.update(part)
            file.write(part)
    Path(f"{path}.sha256").write_text(f"{whole.hexdigest()}\n")
    print(f"built {path.name}: {mib} MiB, sha256 {whole.hexdigest()}")


if __name__ == "__main__":
    main()
