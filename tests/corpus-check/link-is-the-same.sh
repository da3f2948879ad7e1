#!/usr/bin/env bash
# Both make the link, or turn it: to the same, which does no harm, and to others.
# shell: bash dash
# expect: note create-create current one two
# expect: error create-create other one two
# expect: note create-create made one two
# more: note *
# twin: s/ln -sfn "$1" other/:/
set -eu
eval "$(meanwhile init "$INIT")"
ln -s 1 current
turn() {
    ln -sfn 2 current
    ln -sfn 2 made
    ln -sfn "$1" other
}
async_run one turn 1
async_run two turn 2
async_wait one two
