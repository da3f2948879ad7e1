#!/usr/bin/env bash
# Whoever is first is read first.
# expect: none
set -eu
eval "$(meanwhile init bash)"
make() { echo "$1" >"$1"; }
async_run a make a
async_run b make b
async_wait --any a b
cat "$ASYNC_NAME"
async_wait --any
cat "$ASYNC_NAME"
