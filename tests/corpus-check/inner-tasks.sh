#!/usr/bin/env bash
# A task starts tasks, which write one file.
# expect: error write-write conf outer/one outer/two
# twin: s/^    # BETWEEN/    async_wait one/; s/async_wait one two/async_wait two/
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >conf; }
outer() {
    async_run one setting one
    # BETWEEN
    async_run two setting two
    async_wait one two
}
async_run outer outer
async_wait outer
cat conf
