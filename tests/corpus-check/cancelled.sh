#!/usr/bin/env bash
# What is cancelled is over.
# expect: error write-read|create-missing conf script write
# not: lazy
# twin: s/^# EARLY/async_cancel write/
set -eu
eval "$(meanwhile init bash)"
write() { echo a=1 >conf && echo written && sleep 0.3; }
async_run write write
until async_log write | grep -q written; do sleep 0.01; done
# EARLY
cat conf || :
async_cancel write
cat conf || :
async_wait write || :
