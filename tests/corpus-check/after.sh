#!/usr/bin/env bash
# A chain of three, by --after.
# expect: none
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >>conf && cat conf; }
async_run one setting one
async_run --after one two setting two
async_run --after two three setting three
async_wait three
cat conf
async_wait one two
