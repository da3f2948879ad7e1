#!/usr/bin/env bash
# Both write the same.
# expect: note write-write stamp one two
set -eu
eval "$(meanwhile init bash)"
stamp() { echo "done" >stamp; }
async_run one stamp
async_run two stamp
async_wait one two
