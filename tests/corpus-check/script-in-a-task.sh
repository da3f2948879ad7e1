#!/usr/bin/env bash
# The tasks of a script that a task calls race with the script that waits for it not yet.
# expect: error write-read|create-missing one inner@1 script
# twin: s/^# EARLY/async_wait call/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
cat >inner.sh <<'EOF'
eval "$(meanwhile init bash)"
async_run inner sh -c 'echo 1 >one'
async_wait inner
EOF
async_run call bash inner.sh
# EARLY
cat one || :
async_wait call # LATE
