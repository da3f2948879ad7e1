#!/usr/bin/env bash
# Both write the same. (Two that write at the very same time have no contents to compare.)
# not: as-it-comes
# expect: note write-write stamp one two
set -eu
eval "$(meanwhile init bash)"
stamp() { echo "done" >stamp; }
async_run one stamp
async_run two stamp
async_wait one two
