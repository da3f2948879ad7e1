#!/usr/bin/env bash
# A file without a name gets one when it is whole.
# needs: python3
# expect: error create-missing whole make use
# twin: s/^async_run use/async_run --after make use/
set -eu
eval "$(meanwhile init bash)"
make='import ctypes, os
fd = os.open(".", os.O_TMPFILE | os.O_WRONLY)
os.write(fd, b"all of it\n")
assert ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"whole", 0x400) == 0'
async_run make python3 -c "$make"
async_run use sh -c 'cat whole 2>/dev/null || :'
async_wait make use
