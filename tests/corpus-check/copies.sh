#!/usr/bin/env bash
# One source, and places of their own.
# needs: tar
# expect: none
set -eu
eval "$(meanwhile init bash)"
mkdir -p source/sub
echo 1 >source/one
echo 2 >source/sub/two
copy() { cp -r source "$1" && mv "$1/one" "$1/moved" && install -m 600 source/one "$1/one"; }
async_run a copy a
async_run b copy b
async_run pack tar -cf packed.tar source
async_wait a b pack
tar -tf packed.tar
