#!/usr/bin/env bash
# A file is sourced while it is made.
# expect: error write-read|create-missing settings.sh make script
# twin: s/^# EARLY/async_wait make/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
cat >lib.sh <<'EOF'
make_settings() { echo port=80 >settings.sh; }
EOF
# shellcheck disable=SC1091
. ./lib.sh
async_run make make_settings
# EARLY
# shellcheck disable=SC1091
[ ! -r settings.sh ] || . ./settings.sh
async_wait make # LATE
