#!/usr/bin/env bash
# Two tasks need the package manager, which fails rather than waits.
# needs: root python3 dpkg
# expect: warning contention /var/lib/dpkg/lock-frontend one two
# twin: s/^async_run two/async_run --after one two/
# twin: s/^async_run /async_run --lock apt /
set -eu
eval "$(meanwhile init bash)"
install='import fcntl, sys
try: fcntl.lockf(open("/var/lib/dpkg/lock-frontend", "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError as error: print(error)'
async_run one python3 -c "$install"
async_run two python3 -c "$install"
async_wait one two
