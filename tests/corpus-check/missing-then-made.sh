#!/usr/bin/env bash
# What is not there yet decides what the other does.
# expect: error create-missing|remove-use|write-read flag look make
# twin: s/^async_run look/async_run --after make look/
set -eu
eval "$(meanwhile init bash)"
async_run make touch flag
async_run look sh -c '[ -e flag ] || echo none'
async_wait make look
