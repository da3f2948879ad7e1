#!/usr/bin/env bash
# A task beside the tasks of another one.
# expect: error write-write conf beside outer/inner
# twin: s/^async_run beside/async_run --after outer beside/
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >conf; }
outer() {
    async_run inner setting inner
    async_wait inner
}
async_run outer outer
async_run beside setting beside
async_wait outer beside
