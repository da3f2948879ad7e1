#!/usr/bin/env bash
# The wait stands in a pipe, and in a subshell.
# expect: none
set -eu
eval "$(meanwhile init bash)"
make() { echo "$1" >"$1"; }
async_run a make a
async_run b make b
async_wait a | cat
cat a
(async_wait b)
cat b
