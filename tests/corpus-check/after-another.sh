#!/usr/bin/env bash
# It comes after a task, but after the wrong one.
# expect: error write-read|create-missing conf read write
# twin: s/--after other/--after write/
set -eu
eval "$(meanwhile init bash)"
async_run other true
async_run write sh -c 'echo a=1 >conf'
async_run --after other read sh -c 'cat conf || :'
async_wait other write read
