# shellcheck shell=bash
# shellcheck disable=SC2034
#
# common.sh - where things are, and what every step uses.

ROOT=${ROOT-}
HOST=127.0.0.1

say() { printf '  %s\n' "$*"; }

die() {
    echo "provision: $*" >&2
    exit 1
}

# Makes the directories that every step may write to.
prepare_root() {
    [[ -n $ROOT ]] || ROOT=$(mktemp -d "${TMPDIR:-/tmp}/provision.XXXXXX")
    mkdir -p -- "$ROOT"/{etc/notes,etc/backup,opt/notes,run,srv/www,var/lib,var/log,var/backups}
    ROOT=$(CDPATH='' cd -- "$ROOT" && pwd)
    CONF=$ROOT/etc/notes/notes.conf
    DB=$ROOT/var/lib/notes.db
    trap stop_service EXIT
}
