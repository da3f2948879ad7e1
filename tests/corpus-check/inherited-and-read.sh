#!/usr/bin/env bash
# The script reads a file that a task has inherited, open for writing.
# expect: warning write-read conf one script
# twin: s/^# EARLY/async_wait one/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
exec 3>conf
say() { echo "$1" >&3; }
async_run one say one
# EARLY
cat conf
async_wait one # LATE
