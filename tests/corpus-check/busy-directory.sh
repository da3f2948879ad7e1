#!/usr/bin/env bash
# Six fill a directory, some of them in a loop, and four list it: that is one thing, not twenty-four.
# expect: warning change-list out list-1 make-1
# expect: warning change-list out list-1 make-4
# expect: warning change-list out list-1 make-6
# expect: warning change-list out list-4 make-1
# expect: warning change-list out list-4 make-6
# more: warning out|out/*
# told: 1
# twin: s/^async_run list-1/async_wait make-1 make-2 make-3 make-4 make-5 make-6; &/
# unfixable: not in so few steps
set -eu
eval "$(meanwhile init bash)"
mkdir out
for i in 1 2 3; do
    async_run "make-$i" touch "out/$i"
done
async_run make-4 touch out/four
async_run make-5 touch out/five
async_run make-6 touch out/six
async_run list-1 ls out
async_run list-2 ls out
async_run list-3 ls -l out
async_run list-4 ls out
async_wait --all
