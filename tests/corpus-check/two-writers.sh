#!/usr/bin/env bash
# Two tasks write one configuration file.
# expect: error write-write conf one two
# fix: start two at two-writers.sh:{TWO} with `--after one`
# twin: s/^async_run two/async_run --after one two/
# twin: s/^# BETWEEN/async_wait one/; s/^async_wait one two/async_wait two/
set -eu
eval "$(meanwhile init bash)"
setting() { printf '%s\n' "$1=1" >conf; }
async_run one setting one
# BETWEEN
async_run two setting two # TWO
async_wait one two
