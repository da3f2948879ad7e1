#!/usr/bin/env bash
# Both write through a descriptor that the script has opened.
# expect: note write-write log one two
set -eu
eval "$(meanwhile init bash)"
exec 3>log
say() { echo "$1" >&3; }
async_run one say one
async_run two say two
async_wait one two
exec 3>&-
cat log
