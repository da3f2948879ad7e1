#!/bin/sh
# The same race in every shell.
# shell: all
# expect: error write-read|create-missing conf script write
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init "$INIT")"
setting() { echo a=1 >conf; }
async_run write setting
# EARLY
cat conf || :
async_wait write # LATE
