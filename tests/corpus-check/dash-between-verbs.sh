#!/bin/sh
# Where there are no lines, there are the verbs around them.
# shell: dash busybox mksh ksh93 yash
# expect: error write-read|create-missing b script two
# twin: s/^# EARLY/async_wait two/; /# LATE/d
set -eu
eval "$(meanwhile init "$INIT")"
make() { echo "$1" >"$1"; }
async_run one make a
async_wait one
cat a
async_run two make b
# EARLY
cat b || :
async_wait two # LATE
cat b
