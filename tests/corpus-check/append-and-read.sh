#!/usr/bin/env bash
# A log is read while it grows.
# expect: error write-read log script write
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
: >log
line() { echo line >>log; }
async_run write line
# EARLY
cat log
async_wait write # LATE
