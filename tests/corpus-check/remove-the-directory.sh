#!/usr/bin/env bash
# The directory is cleaned away while a task still fills it.
# expect: error remove-use scratch script fill
# more: error scratch/*
# more: warning scratch*
# twin: s/^rm/async_wait fill; rm/; s/^async_wait fill$//
set -eu
eval "$(meanwhile init bash)"
mkdir scratch
async_run fill sh -c '{ echo 1 >scratch/part; } 2>/dev/null || :'
rm -rf scratch || :
async_wait fill
