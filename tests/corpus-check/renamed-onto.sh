#!/usr/bin/env bash
# What is renamed onto a file is seen whole: the old or the new.
# expect: warning replace-read conf read write
# twin: s/^async_run read/async_run --after write read/
set -eu
eval "$(meanwhile init bash)"
echo a=0 >conf
async_run write sh -c 'echo a=1 >conf.new && mv conf.new conf'
async_run read cat conf
async_wait write read
