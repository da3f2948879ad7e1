#!/usr/bin/env bash
# The script goes on to write to a file that a task has inherited, open.
# expect: note write-write log one script
set -eu
eval "$(meanwhile init bash)"
exec 3>>log
say() { echo "$1" >&3; }
async_run one say one
echo script >>log
async_wait one
