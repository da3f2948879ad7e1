#!/usr/bin/env bash
# A plain mkdir needs the directory around, which another one makes.
# expect: error create-missing out one two
# maybe: error create-missing out/sub one two
# twin: s/^async_run two/async_run --after one two/
# twin: s/mkdir out.sub/mkdir -p out\/sub/
set -eu
eval "$(meanwhile init bash)"
async_run one mkdir -p out
async_run two sh -c 'mkdir out/sub 2>/dev/null || :'
async_wait one two
