#!/usr/bin/env bash
# make twice in one directory: each sees that nothing is made yet.
# needs: make
# expect: error write-write|create-create|create-missing dir/out one two
# more: error dir/*
# more: warning dir
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
mkdir dir
# shellcheck disable=SC2016
printf 'out:\n\tdate +%%s%%N >$@\nother: out\n\tdate +%%s%%N >$@\n' >dir/Makefile
async_run one make -s -C dir
async_run two make -s -C dir other
async_wait one two
