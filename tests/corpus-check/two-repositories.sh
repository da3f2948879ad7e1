#!/usr/bin/env bash
# Two repositories, each with a commit.
# needs: git
# expect: none
set -eu
eval "$(meanwhile init bash)"
repository() {
    git init -q "$1"
    echo x >"$1/file"
    git -C "$1" add file
    git -C "$1" -c user.name=n -c user.email=e commit -qm one
}
async_run one repository one
async_run two repository two
async_wait one two
