#!/usr/bin/env bash
# One file by two names.
# expect: error write-read one|other read write
# twin: s/^async_run read/async_run --after write read/
set -eu
eval "$(meanwhile init bash)"
echo a=0 >one
ln one other
async_run write sh -c 'echo a=1 >one'
async_run read cat other
async_wait write read
