#!/usr/bin/env bash
# No program is needed for a race.
# expect: error write-read conf script write
# at: conf script READ
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
echo 0 >conf
write() { echo 1 >conf; }
async_run write write
# EARLY
read -r value <conf || : # READ
async_wait write         # LATE
echo "${value-}"
