#!/usr/bin/env bash
# Two tasks add to one repository: git does not wait for its own lock.
# needs: git
# expect: error create-create|replace-read|create-missing|remove-use .git/index|.git/index.lock one two
# more: error .git/*
# more: warning .git/*
# twin: s/^async_run two/async_run --after one two/
set -eu
eval "$(meanwhile init bash)"
git init -q .
echo 0 >zero && git add zero
echo 1 >one
echo 2 >two
add() { git add "$1" || :; }
async_run one add one
async_run two add two
async_wait one two
