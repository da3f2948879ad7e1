#!/usr/bin/env bash
# A task that is ended by a signal, and one that is killed: both are over when they are collected.
# expect: none
set -eu
eval "$(meanwhile init bash)"
# shellcheck disable=SC2016
async_run term sh -c 'echo 1 >term; kill -TERM $$'
# shellcheck disable=SC2016
async_run killed sh -c 'echo 1 >killed; kill -KILL $$'
async_wait term || :
async_wait killed || :
cat term killed
