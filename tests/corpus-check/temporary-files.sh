#!/usr/bin/env bash
# Names of one's own in a directory that another one lists.
# expect: none
set -eu
eval "$(meanwhile init bash)"
mkdir shared
work() {
    local temp
    temp=$(mktemp shared/tmp.XXXXXX)
    echo x >"$temp"
    cat "$temp"
    rm "$temp"
}
async_run one work
async_run two work
async_run list ls shared
async_wait one two list
