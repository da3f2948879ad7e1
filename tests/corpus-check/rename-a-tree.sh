#!/usr/bin/env bash
# A directory is renamed while somebody is in it.
# expect: error remove-use|create-missing old|old/obj move use
# twin: s/^async_run move/async_run --after use move/
set -eu
eval "$(meanwhile init bash)"
mkdir old
echo x >old/obj
async_run use sh -c 'cat old/obj || :'
async_run move mv old new
async_wait use move
