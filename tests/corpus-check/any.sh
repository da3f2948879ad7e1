#!/usr/bin/env bash
# Of two, one is collected; the other is not.
# expect: error write-read|create-missing b script b
# twin: s/^# EARLY/async_wait b/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
make() { echo "$1" >"$1"; }
async_run a make a
async_run b make b
async_wait --any a
cat a
# EARLY
cat b || :
async_wait b # LATE
