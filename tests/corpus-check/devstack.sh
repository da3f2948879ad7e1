#!/usr/bin/env bash
# A script that is written for inc/async.
# expect: error write-read|create-missing nova.conf init_nova script
# twin: s/^# EARLY/async_wait init_nova/; /# LATE/d
set -eu
export DEST=$PWD/dest
mkdir dest
eval "$(meanwhile init bash --devstack)"
init_nova() { echo debug=1 >nova.conf; }
async_runfunc init_nova
# EARLY
cat nova.conf || :
async_wait init_nova # LATE
async_cleanup
