#!/usr/bin/env bash
# The access stands in a function of a function; the wait belongs where the task is
# started.
# expect: error write-read|create-missing conf script write
# at: conf script READ
# fix: move `async_wait write` from in-functions.sh:{LATE} to before in-functions.sh:{CALL}
# twin: s/^    # EARLY/    async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
setting() { echo a=1 >conf; }
show() {
    cat conf || : # READ
}
show_all() { show; }
main() {
    async_run write setting
    # EARLY
    show_all         # CALL
    async_wait write # LATE
}
main
