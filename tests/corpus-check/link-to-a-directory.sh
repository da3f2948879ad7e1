#!/usr/bin/env bash
# One file by two paths: a link to its directory.
# expect: error write-read real/conf read write
# twin: s/^async_run read/async_run --after write read/
set -eu
eval "$(meanwhile init bash)"
mkdir real
ln -s real alias
echo a=0 >real/conf
async_run write sh -c 'echo a=1 >real/conf'
async_run read cat alias/conf
async_wait write read
