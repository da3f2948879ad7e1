#!/usr/bin/env bash
# The script reads what a task may not have written yet.
# expect: error write-read|create-missing conf script write
# at: conf script READ
# fix: move `async_wait write` from read-too-early.sh:{LATE} to before read-too-early.sh:{READ}
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
setting() { echo a=1 >conf; }
async_run write setting
# EARLY
cat conf || :    # READ
async_wait write # LATE
