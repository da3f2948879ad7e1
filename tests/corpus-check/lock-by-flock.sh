#!/usr/bin/env bash
# Both hold the same lock meanwhile: only their order is open.
# needs: flock
# expect: note write-write counter one two
set -eu
eval "$(meanwhile init bash)"
echo 0 >counter
# shellcheck disable=SC2016
count='read -r n <counter; echo $((n + 1)) >counter'
async_run one flock lock sh -c "$count"
async_run two flock lock sh -c "$count"
async_wait one two
