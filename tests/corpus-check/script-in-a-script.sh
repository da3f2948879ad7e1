#!/usr/bin/env bash
# A script that is called has a run of its own, and waits for its tasks.
# expect: none
set -eu
eval "$(meanwhile init bash)"
cat >inner.sh <<'EOF'
eval "$(meanwhile init bash)"
async_run one sh -c 'echo 1 >one'
async_run two sh -c 'echo 2 >two'
async_wait one two
EOF
bash inner.sh
cat one two
async_run other bash inner.sh
async_wait other
cat one two
