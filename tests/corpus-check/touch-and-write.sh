#!/usr/bin/env bash
# Whoever touches a file changes nothing in it.
# expect: note metadata stamp one two
set -eu
eval "$(meanwhile init bash)"
async_run one touch stamp
async_run two sh -c 'echo 2 >stamp'
async_wait one two
