#!/usr/bin/env bash
# Both make the directory if it is not there, and write what is their own.
# expect: note create-create|create-missing out/logs one two
set -eu
eval "$(meanwhile init bash)"
step() { mkdir -p out/logs && echo "$1" >"out/logs/$1"; }
async_run one step one
async_run two step two
async_wait one two
