#!/usr/bin/env bash
# What a shell keeps in files of its own is nobody else's.
# expect: none
set -eu
eval "$(meanwhile init bash)"
long=$(printf '%065536d' 0)
show() {
    cat <<EOF | wc -c
$long$1
EOF
    diff <(echo "$1") <(echo "$1")
    wc -c <<<"$long"
}
async_run one show one
async_run two show two
show three
async_wait one two
