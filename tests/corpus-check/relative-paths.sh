#!/usr/bin/env bash
# Each goes to its own place first.
# expect: error write-read|create-missing sub/conf script write
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
mkdir sub other
write() { cd sub && echo a=1 >conf; }
async_run write write
# EARLY
cd other
cat ../sub/../sub/./conf || :
async_wait write # LATE
