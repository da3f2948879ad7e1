#!/usr/bin/env bash
# make in two directories.
# needs: make
# expect: none
set -eu
eval "$(meanwhile init bash)"
for dir in one two; do
    mkdir "$dir"
    printf 'out: in\n\tcp in out\nin:\n\techo 1 >in\n' >"$dir/Makefile"
done
async_run one make -s -C one
async_run two make -s -C two
async_wait one two
