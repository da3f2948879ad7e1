#!/usr/bin/env bash
# A task waits for the one that writes, the script for the task.
# expect: none
set -eu
eval "$(meanwhile init bash)"
write() { echo a=1 >conf; }
follow() { async_wait --quiet write; }
async_run write write
async_run follow follow
async_wait follow
cat conf
