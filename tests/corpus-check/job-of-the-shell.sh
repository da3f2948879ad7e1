#!/usr/bin/env bash
# What the script has in the background is the script's.
# expect: error write-read|create-missing conf read script
# twin: s/^# EARLY/wait/
set -eu
eval "$(meanwhile init bash)"
echo a=1 >conf &
# EARLY
async_run read sh -c 'cat conf || :'
async_wait read
wait
