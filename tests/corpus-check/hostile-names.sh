#!/usr/bin/env bash
# Names that nobody should give.
# expect: error write-write %20odd%0aname%20%1b[31m* one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
name=$' odd\nname \e[31m*'
write() { echo "$1" >"$name"; }
async_run one write one
async_run two write two
async_wait one two
