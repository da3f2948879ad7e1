#!/usr/bin/env bash
# tar makes the directories that an archive has no entries of.
# needs: tar
# expect: note create-missing out/d one two
set -eu
eval "$(meanwhile init bash)"
mkdir -p d out
echo 1 >d/1
echo 2 >d/2
tar cf 1.tar d/1
tar cf 2.tar d/2
async_run one tar xf 1.tar -C out
async_run two tar xf 2.tar -C out
async_wait one two
