#!/usr/bin/env bash
# Both are given one lock: serialised, in an open order.
# expect: note write-write conf one two
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >conf; }
async_run --lock conf one setting one
async_run --lock conf,other two setting two
async_wait one two
