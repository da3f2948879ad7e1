#!/usr/bin/env bash
# Both append to one log.
# expect: note write-write log one two
set -eu
eval "$(meanwhile init bash)"
: >log
line() { echo "$1" >>log; }
async_run one line one
async_run two line two
async_wait one two
cat log
