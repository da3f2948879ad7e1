#!/usr/bin/env bash
# A lock that only one of them takes.
# needs: flock
# expect: error write-write counter one two
# expect: error write-read counter one two
# twin: s/^async_run two sh/async_run two flock lock sh/
set -eu
eval "$(meanwhile init bash)"
echo 0 >counter
# shellcheck disable=SC2016
count='read -r n <counter; echo $((n + $1)) >counter'
async_run one flock lock sh -c "$count" count 1
async_run two sh -c "$count" count 2
async_wait one two
