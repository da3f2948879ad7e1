#!/usr/bin/env bash
# A descriptor that the script has opened for all. Whether a task writes through
# it is not known; most do not.
# expect: none
set -eu
eval "$(meanwhile init bash)"
exec 3>log
say() { echo "$1" >&3; }
async_run one say one
async_run two say two
async_wait one two
exec 3>&-
cat log
