#!/usr/bin/env bash
# What the script has in the background is the script's.
# expect: error write-read|create-missing conf read script
# at: conf script JOB
# twin: s/^# EARLY/async_wait read/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
async_run read sh -c 'cat conf || :'
# EARLY
echo a=1 >conf & # JOB
wait $!
async_wait read # LATE
