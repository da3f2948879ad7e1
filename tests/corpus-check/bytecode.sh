#!/usr/bin/env bash
# Two tasks import one module, which python compiles and keeps.
# needs: python3
# expect: none
set -eu
eval "$(meanwhile init bash)"
echo 'x = 1' >mod.py
unset PYTHONDONTWRITEBYTECODE
async_run one python3 -c 'import mod'
async_run two python3 -c 'import mod'
async_wait one two
