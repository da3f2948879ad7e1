#!/usr/bin/env bash
# after.sh - before a measured script ends: what meanwhile knows of its tasks,
# and the size of its watcher, into the files status and watcher beside the
# state directory.
set -eu
# shellcheck disable=SC1091 source=benches/scripts/watcher.sh
. "${BASH_SOURCE[0]%/*}/watcher.sh"

place=${XDG_STATE_HOME%/*}
runs=("$XDG_STATE_HOME"/meanwhile/*)
MEANWHILE_DIR=${runs[0]} "$MEANWHILE" status --json >"$place/status"
watcher_of "${runs[0]}"
watcher_memory >"$place/watcher"
