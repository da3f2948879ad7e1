#!/usr/bin/env bash
# Both look, and make what they have not found.
# expect: error write-write|create-create|create-missing key one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
key() { [ -e key ] || echo "$1" >key; }
async_run one key one
async_run two key two
async_wait one two
