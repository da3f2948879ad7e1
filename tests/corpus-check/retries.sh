#!/usr/bin/env bash
# It works the second time.
# expect: error write-read|create-missing conf script write
# twin: s/^# EARLY/async_wait write/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
write() {
    [ -e tried ] && echo a=1 >conf && return
    : >tried
    false
}
async_run --retries 2 write write
# EARLY
cat conf || :
async_wait write # LATE
cat conf
