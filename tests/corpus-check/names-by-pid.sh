#!/usr/bin/env bash
# Names by pid are one's own; but who lists sees them.
# expect: warning change-list logs list one
# twin: s/^async_run list/async_run --after one list/
set -eu
eval "$(meanwhile init bash)"
mkdir logs
log() { echo x >"logs/$BASHPID"; }
async_run one log
async_run list ls logs
async_wait one list
