#!/usr/bin/env bash
# The script and a task wait for the same task; either may be the first.
# expect: none
set -eu
eval "$(meanwhile init bash)"
write() { echo a=1 >conf; }
follow() { async_wait --quiet write && cat conf; }
async_run write write
async_run follow follow
async_wait write
cat conf
async_wait follow
