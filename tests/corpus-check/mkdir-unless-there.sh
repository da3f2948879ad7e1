#!/usr/bin/env bash
# Both look, and make the directory if it is not there: between the two the other may have made it.
# shell: bash dash busybox
# expect: error create-missing out one two
# maybe: warning create-create out one two
# twin: s@\[ -d out \] || mkdir out || :@mkdir -p out@
set -eu
eval "$(meanwhile init "$INIT")"
step() {
    [ -d out ] || mkdir out || :
    echo "$1" >"out/$1"
}
async_run one step one
async_run two step two
async_wait one two
