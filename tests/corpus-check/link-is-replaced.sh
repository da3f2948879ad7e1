#!/usr/bin/env bash
# A link is turned at one blow: who uses it twice may get one of each version.
# expect: warning replace-read current turn use
# twin: s/^async_run turn/async_run --after use turn/
set -eu
eval "$(meanwhile init bash)"
mkdir v1 v2
echo 1 >v1/conf
echo 2 >v2/conf
ln -s v1 current
async_run use cat current/conf current/conf
async_run turn sh -c 'ln -s v2 new && mv -T new current'
async_wait use turn
