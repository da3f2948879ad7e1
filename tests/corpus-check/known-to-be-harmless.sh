#!/usr/bin/env bash
# What the user has said to be harmless.
# expect: note write-write out/status one two
# suppress: write-write **/out/* one two # whoever is last is right
set -eu
eval "$(meanwhile init bash)"
mkdir out
status() { echo "$1" >out/status; }
async_run one status one
async_run two status two
async_wait one two
