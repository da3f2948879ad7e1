#!/usr/bin/env bash
# find lists, and looks at what it lists.
# expect: warning change-list out make script
# maybe: note metadata out make script
# twin: s/^# EARLY/async_wait make/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
mkdir out
async_run make sh -c 'echo 1 >out/new'
# EARLY
find out
async_wait make # LATE
