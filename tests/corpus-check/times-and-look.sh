#!/usr/bin/env bash
# Times are set of what another one looks at.
# expect: note metadata stamp look set
set -eu
eval "$(meanwhile init bash)"
: >stamp
async_run set touch -c -d 2020-01-01 stamp
async_run look stat stamp
async_wait set look
