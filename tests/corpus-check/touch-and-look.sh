#!/usr/bin/env bash
# A stamp is made by one, and looked for by another.
# expect: error create-missing stamp one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
async_run one touch stamp
async_run two sh -c 'test -e stamp || :'
async_wait one two
