#!/usr/bin/env bash
# One file by two paths: a link to it.
# expect: error write-read conf read write
# twin: s/^async_run read/async_run --after write read/
set -eu
eval "$(meanwhile init bash)"
echo a=0 >conf
ln -s conf alias
async_run write sh -c 'echo a=1 >conf'
async_run read cat alias
async_wait write read
