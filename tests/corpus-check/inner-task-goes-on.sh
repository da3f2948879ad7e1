#!/usr/bin/env bash
# A task ends, and what it has started goes on.
# expect: error write-read|create-missing conf outer/write script
# twin: s/^    : # WAIT/    async_wait write/
set -eu
eval "$(meanwhile init bash)"
outer() {
    async_run write sh -c 'echo a=1 >conf'
    : # WAIT
}
async_run outer outer
async_wait outer
cat conf || :
async_wait --if-started outer/write
