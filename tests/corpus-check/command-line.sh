#!/bin/sh
# Tasks of `meanwhile start`.
# shell: dash
# expect: error write-read|create-missing conf script write
# twin: s/^# EARLY/meanwhile wait write/; /# LATE/d
set -eu
export MEANWHILE_DIR="$PWD/run"
meanwhile start write -- sh -c 'echo a=1 >conf'
# EARLY
cat conf || :
meanwhile wait write # LATE
