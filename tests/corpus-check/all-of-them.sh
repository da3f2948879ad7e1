#!/usr/bin/env bash
# One file each, and all are collected at once.
# expect: error write-read|create-missing out1 script t1
# expect: error write-read|create-missing out2 script t2
# expect: error write-read|create-missing out3 script t3
# twin: s/^# EARLY/async_wait --all/; /# LATE/d
# twin: s/^# EARLY/async_cleanup/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
make() { echo "$1" >"out$1"; }
for i in 1 2 3; do async_run "t$i" make "$i"; done
# EARLY
cat out1 out2 out3 || :
async_wait --all # LATE
