#!/usr/bin/env bash
# A directory is listed while entries are made in it.
# expect: warning change-list out list make
# twin: s/^async_run list/async_run --after make list/
set -eu
eval "$(meanwhile init bash)"
mkdir out
async_run make sh -c 'echo 1 >out/new'
async_run list ls out
async_wait make list
