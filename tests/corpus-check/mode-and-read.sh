#!/usr/bin/env bash
# The mode is no contents.
# expect: note metadata conf mode read
set -eu
eval "$(meanwhile init bash)"
echo a=1 >conf
async_run mode chmod 600 conf
async_run read cat conf
async_wait mode read
