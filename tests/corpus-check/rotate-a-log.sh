#!/usr/bin/env bash
# A log is renamed away while it is appended to.
# expect: error remove-use|create-missing log rotate write
# twin: s/^async_run rotate/async_run --after write rotate/
set -eu
eval "$(meanwhile init bash)"
echo 0 >log
async_run write sh -c 'echo 1 >>log'
async_run rotate mv log log.1
async_wait write rotate
