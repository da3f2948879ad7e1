#!/usr/bin/env bash
# tar makes the directories that an archive has no entries of, and fails if another makes them
# at the same time: it looks, and takes one that is there by then for an error.
# needs: tar
# expect: error create-missing out/d one two
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
mkdir -p d out
echo 1 >d/1
echo 2 >d/2
tar cf 1.tar d/1
tar cf 2.tar d/2
unpack() { tar xf "$1" -C out || :; }
async_run one unpack 1.tar
async_run two unpack 2.tar
async_wait one two
