#!/usr/bin/env bash
# A file is emptied while it is read.
# expect: error write-read conf empty read
# twin: s/^async_run empty/async_run --after read empty/
set -eu
eval "$(meanwhile init bash)"
echo a=1 >conf
async_run read cat conf
async_run empty truncate -s 0 conf
async_wait read empty
