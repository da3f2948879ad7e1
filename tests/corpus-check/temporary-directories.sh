#!/usr/bin/env bash
# Each in a directory of its own.
# expect: none
set -eu
eval "$(meanwhile init bash)"
mkdir tmp
work() {
    local dir
    dir=$(mktemp -d tmp/XXXXXX)
    echo x >"$dir/conf"
    cat "$dir/conf"
    rm -r "$dir"
}
async_run one work
async_run two work
async_wait one two
