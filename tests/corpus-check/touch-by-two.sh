#!/usr/bin/env bash
# Both make the stamp if it is not there: which of them does not matter.
# expect: note metadata stamp one two
set -eu
eval "$(meanwhile init bash)"
async_run one touch stamp
async_run two touch stamp
async_wait one two
