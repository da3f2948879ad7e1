#!/usr/bin/env bash
# Two tasks edit one file in place: one edit may be lost.
# expect: error create-create conf one two
# maybe: warning replace-read conf one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
printf '%s\n' one=0 two=0 >conf
async_run one sed -i s/one=0/one=1/ conf
async_run two sed -i s/two=0/two=1/ conf
async_wait one two
