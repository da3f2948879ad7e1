#!/usr/bin/env bash
# Two locks are no lock.
# expect: error write-write conf one two
# twin: s/--lock two/--lock one/
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >conf; }
async_run --lock one one setting one
async_run --lock two two setting two
async_wait one two
