#!/usr/bin/env bash
# All read, nobody writes.
# expect: none
set -eu
eval "$(meanwhile init bash)"
mkdir data
echo 1 >data/one
async_run a cat data/one
async_run b sh -c 'ls data; grep -r 1 data; [ -e data/two ] || wc data/one'
find data
async_wait a b
