# shellcheck shell=sh disable=SC2015,SC2030,SC2031,SC2034,SC2154
# serial.sh: the script goes on without meanwhile.
#
# Where the program is not installed, cannot keep a run (a full disk, no
# writable directory) or has failed, steps run at the point of start, one
# after the other; their codes still surface at async_wait. The same lines
# collect, by the shell's own `wait`, tasks that were started before it failed.
#
# A task's variable _mw_pid_KEY holds the pid of its guard, `ran:CODE` after a
# step that ran here, `collected:CODE`, or `done:PID` after the program
# collected it.

# Runs the task _mw_name here, as often as --retries has it.
_mw_off_run() {
    _mw_off_after || return
    _mw_started "$@"
    _mw_set=$_mw_task_setup
    _mw_errexit=
    case $- in
        *e*)
            _mw_set="$_mw_set set -e;"
            _mw_errexit=1
            ;;
    esac
    case $_mw_x in x) _mw_set="$_mw_set set -x;" ;; esac
    # errexit must not end the script here: the code is for async_wait.
    set +e
    _mw_attempt=1
    case $_mw_code in
        0)
            while :; do
                _mw_off_attempt "$@"
                [ "$_mw_code" -ne 0 ] && [ "$_mw_attempt" -le "${_mw_retries:-0}" ] || break
                _mw_attempt=$((_mw_attempt + 1))
            done
            ;;
    esac
    case $_mw_errexit in 1) set -e ;; esac
    \eval "_mw_pid_$_mw_key=ran:$_mw_code"
    _mw_count=$((_mw_count + 1))
    \eval "_mw_name_$_mw_count=\$_mw_name"
    return 0
}

# One attempt; sets _mw_code.
_mw_off_attempt() {
    _mw_file=
    case $_mw_export in ?*) _mw_off_file ;; esac
    case $_mw_capture in
        '')
            (
                _mw_off_within
                # (In zsh an EXIT trap that a function sets is that function's.)
                case $_mw_keep_in in ?*) \trap _mw_save EXIT ;; esac
                \eval "$_mw_set"
                "$@"
            ) </dev/null
            _mw_code=$?
            ;;
        *)
            _mw_value=$(
                _mw_off_within
                # (In zsh an EXIT trap that a function sets is that function's.)
                case $_mw_keep_in in ?*) \trap _mw_save EXIT ;; esac
                \eval "$_mw_set"
                "$@" </dev/null
            )
            _mw_code=$?
            \eval "_mw_out_$_mw_key=\$_mw_value"
            ;;
    esac
    _mw_signal_code
    case $_mw_file in
        ?*)
            _mw_value=$(\command cat "$_mw_file")
            \eval "_mw_vars_$_mw_key=\$_mw_value"
            \command rm -f "$_mw_file"
            ;;
    esac
}

_mw_off_within() {
    _mw_level=$((_mw_level + 1)) _mw_depth=0
    _mw_keep=$_mw_export _mw_keep_in=$_mw_file
}

# Makes a private file for the variables of a step, anew; sets _mw_file.
_mw_off_file() {
    _mw_file=${TMPDIR:-/tmp}/meanwhile-$_mw_owner-$_mw_level-$_mw_count-$_mw_attempt.vars
    if ! (umask 077 && set -C && : >"$_mw_file") 2>/dev/null; then
        _mw_say "meanwhile: $_mw_name: --export has no effect: cannot make $_mw_file"
        _mw_file=
    fi
}

# Sets _mw_code: 0 if all of --after have succeeded, else 123. Steps have run
# one after the other, so they are over; fails if there is no such step.
_mw_off_after() {
    case $_mw_timeout in
        ?*) _mw_say "meanwhile: $_mw_name: without meanwhile --timeout has no effect" ;;
    esac
    _mw_this=$_mw_name _mw_first_failure=0
    while [ -n "$_mw_after" ]; do
        _mw_name=${_mw_after%%,*}
        case $_mw_after in *,*) _mw_after=${_mw_after#*,} ;; *) _mw_after= ;; esac
        case $_mw_name in
            '') continue ;;
            [!A-Za-z0-9_]* | *[!A-Za-z0-9_.:@+-]*) _mw_pid= ;;
            *) _mw_reap ;;
        esac
        case $_mw_pid in
            '')
                _mw_say "meanwhile: $_mw_this: there is no task $_mw_name to come after"
                return 2
                ;;
        esac
        if [ "$_mw_code" -ne 0 ] && [ "$_mw_first_failure" -eq 0 ]; then
            _mw_first_failure=123
            _mw_say "meanwhile: $_mw_this: skipped, since $_mw_name failed with $_mw_code"
        fi
    done
    _mw_name=$_mw_this
    _mw_make_key
    _mw_code=$_mw_first_failure
}

# Collects as async_wait does, by what this shell knows.
_mw_off_wait() {
    _mw_first_failure=0 _mw_all='' _mw_any='' _mw_if_started='' _mw_loud=1 _mw_names='' _mw_naming=''
    while [ $# -gt 0 ]; do
        case $1 in
            --all) _mw_all=1 ;;
            --any) _mw_any=1 ;;
            --if-started) _mw_if_started=1 ;;
            --quiet | --output=quiet) _mw_loud= ;;
            --uncollected) _mw_naming=1 ;;
            --timeout | --output | --groups) [ "$#" -eq 1 ] || shift ;;
            --fail-fast | --devstack | --timeout=* | --output=* | --groups=*) ;;
            -*)
                _mw_say "meanwhile: async_wait: unknown option $1"
                return 2
                ;;
            *) _mw_names="$_mw_names $1" ;;
        esac
        shift
    done
    case $_mw_all$_mw_any:$_mw_names in
        1:) # every task of this shell, in the order of start
            _mw_at_name=0
            while [ "$_mw_at_name" -lt "$_mw_count" ]; do
                _mw_at_name=$((_mw_at_name + 1))
                \eval "_mw_names=\"\$_mw_names \$_mw_name_$_mw_at_name\""
            done
            ;;
    esac
    while [ -n "$_mw_names" ]; do
        _mw_names=${_mw_names# }
        _mw_name=${_mw_names%% *}
        case $_mw_names in *' '*) _mw_names=${_mw_names#* } ;; *) _mw_names= ;; esac
        _mw_reap
        case $_mw_pid:$_mw_all$_mw_any in
            collected:*:1 | done:*:1) continue ;;
        esac
        case $_mw_naming in 1) _mw_say "meanwhile: $_mw_name: never collected" ;; esac
        _mw_off_collect
        [ "$_mw_first_failure" -ne 0 ] || _mw_first_failure=$_mw_code
        case $_mw_any in
            1)
                ASYNC_NAME=$_mw_name
                return "$_mw_first_failure"
                ;;
        esac
    done
    case $_mw_any:$_mw_if_started in
        1:)
            _mw_say "meanwhile: no task is left to wait for"
            return 127
            ;;
    esac
    return "$_mw_first_failure"
}

# Shows and marks the task that _mw_reap has just looked at.
_mw_off_collect() {
    case $_mw_pid in
        '')
            case $_mw_if_started in
                1) _mw_code=0 ;;
                *) _mw_say "meanwhile: $_mw_name: no such task" ;;
            esac
            return 0
            ;;
        collected:* | done:*) return 0 ;;
        ran:*) ;;
        *)
            \eval "_mw_stem=\${_mw_stem_$_mw_key-}"
            [ -n "$_mw_stem" ] || _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}$_mw_name
            if [ -z "$_mw_loud" ]; then
                :
            elif [ -r "$_mw_dir/$_mw_stem.log" ]; then
                \command cat "$_mw_dir/$_mw_stem.log" || :
            else
                _mw_say "meanwhile: $_mw_name: its log is gone; its output is lost"
            fi
            # The journal may well be there, and the program come back.
            _mw_clock
            { _mw_append "collected ${_mw_scope:+$_mw_scope/}${_mw_stem##*%} code=$_mw_code"; } 2>/dev/null || :
            ;;
    esac
    \eval "_mw_pid_$_mw_key=collected:$_mw_code"
    _mw_unset=
    _mw_import
    case $_mw_unset:$_mw_code in 1:0) _mw_code=125 ;; esac
    case $_mw_code in 0) ;; *) _mw_say "meanwhile: $_mw_name: exit code $_mw_code" ;; esac
}

_mw_off_get() {
    _mw_off_wait "$@"
    _mw_rc=$?
    \eval "$_mw_var=\${_mw_out_$_mw_key-}"
    return "$_mw_rc"
}

# What needs the program and cannot be had without it.
_mw_off_call() {
    case $1 in
        report) _mw_say "meanwhile: the steps ran one after the other: no summary" ;;
        cancel) ;; # nothing runs
        __pidof)
            \printf '%s\n' UNKNOWN
            return 1
            ;;
        *)
            _mw_say "meanwhile: $1 is not to be had without meanwhile"
            return 125
            ;;
    esac
}
