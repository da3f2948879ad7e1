#!/usr/bin/env bash
# A tree is removed while it is used.
# expect: error remove-use build/obj clean use
# maybe: error remove-use build clean use
# twin: s/^async_run clean/async_run --after use clean/
set -eu
eval "$(meanwhile init bash)"
mkdir build
echo x >build/obj
async_run use sh -c 'cat build/obj || :'
async_run clean rm -rf build
async_wait use clean
