#!/usr/bin/env bash
# One appends, the other empties.
# expect: error write-write log one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
echo line >log
async_run one sh -c 'echo line >>log'
async_run two sh -c ': >log'
async_wait one two
