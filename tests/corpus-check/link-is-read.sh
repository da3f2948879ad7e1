#!/usr/bin/env bash
# Where a link leads is asked, while it is made.
# expect: error create-missing current make ask
# twin: s/^async_run ask/async_run --after make ask/
set -eu
eval "$(meanwhile init bash)"
async_run make ln -s v1 current
async_run ask sh -c 'readlink current || :'
async_wait make ask
