#!/usr/bin/env bash
# A link is turned to the next version, while the current one is used.
# expect: error remove-use|create-missing current turn use
# twin: s/^async_run turn/async_run --after use turn/
set -eu
eval "$(meanwhile init bash)"
mkdir v1 v2
echo 1 >v1/conf
echo 2 >v2/conf
ln -s v1 current
async_run use sh -c 'cat current/conf || :'
async_run turn sh -c 'rm current && ln -s v2 current'
async_wait use turn
