#!/usr/bin/env bash
# One makes the directory that the other one fills.
# expect: error create-missing out one two
# maybe: error create-missing out/conf one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
async_run one mkdir -p out
async_run two sh -c '{ echo 2 >out/conf; } 2>/dev/null || :'
async_wait one two
