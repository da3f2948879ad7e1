#!/usr/bin/env bash
# Each makes a file of its own.
# expect: none
set -eu
eval "$(meanwhile init bash)"
secret() { umask 077 && echo x >"$1"; }
async_run one secret one
async_run two secret two
async_wait one two
cat one two
