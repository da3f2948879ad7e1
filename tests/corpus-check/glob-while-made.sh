#!/usr/bin/env bash
# The shell lists as well.
# expect: warning change-list out make script
# at: out script GLOB
# twin: s/^# EARLY/async_wait make/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
mkdir out
async_run make sh -c 'echo 1 >out/new'
# EARLY
echo out/*      # GLOB
async_wait make # LATE
