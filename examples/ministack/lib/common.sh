# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR
# shellcheck disable=SC2034  # the settings are read by the other files
#
# common.sh - settings, the working directory and the clean-up at exit.
# Sourced by stack.sh and stack-async.sh, which set HERE to their directory.

SERVICES=(identity image compute)
SERVICE_HOST=${SERVICE_HOST:-127.0.0.1}
SERVICE_TIMEOUT=${SERVICE_TIMEOUT:-30} # seconds a service may take to answer
REGION=${REGION:-RegionOne}
DOMAIN_NAME=${DOMAIN_NAME:-Mini Domain}
DEMO_USER=${DEMO_USER:-demo}
ADMIN_PASSWORD=${ADMIN_PASSWORD:-nomoresecret}
IMAGE_NAME=${IMAGE_NAME:-mini linux 1.0}
IMAGE_MIB=${IMAGE_MIB:-32}

source "$HERE/lib/ini.sh"
source "$HERE/lib/install.sh"
source "$HERE/lib/service.sh"
source "$HERE/lib/identity.sh"
source "$HERE/lib/image.sh"
source "$HERE/lib/compute.sh"

die() {
    echo "ministack: $*" >&2
    exit 1
}

header() {
    printf '\n=== %s ===\n' "$*"
}

# Make STACK_DIR (a fresh temporary directory unless given), name the places
# in it, and see to it that no service outlives this script.
stack_init() {
    if [[ -z ${STACK_DIR:-} ]]; then
        STACK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/ministack.XXXXXX")
    fi
    mkdir -p -- "$STACK_DIR"
    STACK_DIR=$(CDPATH='' cd -- "$STACK_DIR" && pwd)
    if [[ -n $(ls -A -- "$STACK_DIR") ]]; then
        die "STACK_DIR is not empty: $STACK_DIR"
    fi

    ETC_DIR=$STACK_DIR/etc
    DATA_DIR=$STACK_DIR/data
    LOG_DIR=$STACK_DIR/log
    RUN_DIR=$STACK_DIR/run
    OPT_DIR=$STACK_DIR/opt
    PYTHON=$STACK_DIR/venv/bin/python
    IMAGE_FILE=$DATA_DIR/mini.img
    mkdir -- "$ETC_DIR" "$DATA_DIR" "$LOG_DIR" "$RUN_DIR" "$OPT_DIR"
    unset PYTHONPATH PYTHONHOME

    trap stop_services EXIT
    echo "ministack in $STACK_DIR"
}

# The last line of a run: everything is stopped and on disk.
stack_done() {
    header Done
    stop_services
    echo "ministack is complete in $STACK_DIR"
}
