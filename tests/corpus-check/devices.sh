#!/usr/bin/env bash
# Devices are no files; what is in shared memory is.
# expect: error write-write /dev/shm/meanwhile-corpus.* one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
file=/dev/shm/meanwhile-corpus.$$
write() { echo "$1" >/dev/null && echo "$1" | tee "$file" /dev/stderr; }
async_run one write one
async_run two write two
async_wait one two
rm "$file"
