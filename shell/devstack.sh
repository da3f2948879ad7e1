# shellcheck shell=bash disable=SC2034,SC2154
# devstack.sh: scripts written for devstack's inc/async run unchanged.
#
# DEST gives the run directory $DEST/async, DEVSTACK_PARALLEL is the switch,
# and the lines on standard output have the original's words.

# The run lives where inc/async keeps its files.
_mw_settings() {
    case ${DEST-} in '') ;; *) MEANWHILE_DIR=$DEST/async ;; esac
}

_mw_switch() {
    _mw_settings
    case ${DEVSTACK_PARALLEL-True} in
        0 | [Nn]o | NO | [Ff]alse | FALSE) _mw_serial=1 ;;
        *) _mw_serial= ;;
    esac
}

async_init() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_settings
    # What an inc/async run has left there goes, as it always did.
    case ${DEST:+set} in
        set) [ -e "$DEST/async/journal" ] || \command rm -Rf -- "$DEST/async" ;;
    esac
    _mw_begin
    _mw_leave "$?"
}

_mw_started() {
    _mw_how=running
    case $_mw_mode in
        off | serial) _mw_how='Running synchronously' ;;
    esac
    \local IFS=' '
    \printf '[%s Async %s:%s]: %s: %s\n' "${BASHPID-$$}" "$_mw_name" "${_mw_child-self}" "$_mw_how" "$*"
}

async_wait() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    if \command -v time_start >/dev/null && \command -v time_stop >/dev/null; then
        time_start async_wait
        _mw_result=0
        _mw_wait --devstack --if-started "$@" || _mw_result=$?
        time_stop async_wait
    else
        _mw_result=0
        _mw_wait --devstack --if-started "$@" || _mw_result=$?
    fi
    _mw_leave "$_mw_result"
}

async_cleanup() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_wait --devstack --all --uncollected || :
    _mw_leave 0
}

_mw_off_say() {
    \local IFS=' '
    \printf '[%s Async %s:self]: %s\n' "${BASHPID-$$}" "$1" "${*:2}"
}

# Logs a message about a task, with %command standing for its command.
async_log() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    case $_mw_mode in
        off) _mw_off_say "$@" ;;
        *) _mw_call __say "$@" ;;
    esac
    _mw_leave "$?"
}

async_print_timing() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call report --format devstack
    _mw_leave "$?"
}
