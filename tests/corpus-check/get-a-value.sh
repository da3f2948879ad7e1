#!/usr/bin/env bash
# async_get collects, too.
# expect: error write-read|create-missing conf script value
# twin: s/^# EARLY/async_get V value/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
value() { echo a=1 >conf && echo value; }
async_run --capture value value
# EARLY
cat conf || :
async_get V value # LATE
echo "${V:-}"
