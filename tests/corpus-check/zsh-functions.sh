#!/bin/sh
# Tasks that are functions of zsh.
# shell: zsh bash
# expect: error write-write conf one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init "$INIT")"
setting() { echo "$1=1" >conf; }
async_run one setting one
async_run two setting two
async_wait one two
