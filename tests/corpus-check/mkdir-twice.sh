#!/usr/bin/env bash
# Both make the directory, which has to be new: the second one fails, and goes on all the same.
# expect: warning create-create out one two
# fix: make it with `mkdir -p` at mkdir-twice.sh:{HERE}
# twin: s/mkdir /mkdir -p /
set -eu
eval "$(meanwhile init bash)"
step() {
    mkdir out 2>/dev/null || true # HERE
    echo "$1" >"out/$1"
}
async_run one step one
async_run two step two
async_wait one two
