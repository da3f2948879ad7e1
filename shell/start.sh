# shellcheck shell=sh disable=SC2015,SC2030,SC2031,SC2034,SC2064,SC2069,SC2154
# start.sh: async_run, and the guard that it forks.

_mw_usage() {
    _mw_say "meanwhile: $_mw_verb: $1"
    _mw_say "hint: async_run [OPTIONS] NAME COMMAND [ARG...]; async_runfunc [OPTIONS] FUNCTION [ARG...]; options: --after A,B --lock NAME --timeout 5m --retries N --capture --export 'A B' --live"
    return 2
}

_mw_run() {
    _mw_capture='' _mw_live='' _mw_export='' _mw_after='' _mw_lock=''
    _mw_timeout=${MEANWHILE_TIMEOUT-} _mw_retries=${MEANWHILE_RETRIES-}
    _mw_plan=
    case $_mw_timeout$_mw_retries in ?*) _mw_plan=1 ;; esac
    case ${1-} in
        -*)
            _mw_parse "$@" || return
            shift "$_mw_shift"
            ;;
    esac
    case $_mw_export in ?*) _mw_check_export || return ;; esac
    case ${MEANWHILE_OUTPUT-} in live) _mw_live=1 ;; esac
    _mw_name=${1-}
    case $_mw_verb:$# in
        async_run:0 | async_runfunc:0) _mw_usage "no name" || return ;;
        async_run:1) _mw_usage "no command for $1" || return ;;
        async_run:*)
            shift
            case $1 in
                --) shift ;;
                --*) _mw_usage "$1 stands behind the name: options come before it" || return ;;
            esac
            [ "$#" -gt 0 ] || _mw_usage "no command for $_mw_name" || return
            ;;
    esac
    [ -n "$_mw_dir" ] || _mw_open || return
    case $_mw_ceiling in ?*) _mw_room ;; esac
    _mw_check_name || return
    case $_mw_export in ?*) \eval "_mw_exported_$_mw_key=\$_mw_stem" ;; esac
    case $_mw_mode in
        off)
            _mw_off_run "$@"
            return
            ;;
    esac
    if ! _mw_mark; then
        _mw_say "meanwhile: $_mw_name: cannot write in $_mw_dir: steps run one after the other"
        _mw_mode=off
        _mw_off_run "$@"
        return
    fi
    case $_mw_mode in serial) _mw_live= ;; esac
    _mw_where
    _mw_start "$@"
    _mw_clock
    \eval "_mw_pid_$_mw_key=\$_mw_child"
    _mw_count=$((_mw_count + 1))
    \eval "_mw_name_$_mw_count=\$_mw_name"
    if ! _mw_append "start $_mw_id pid=$_mw_child idle=$_mw_idle${_mw_at:+ at=$_mw_at}$_mw_fields"; then
        # It runs; from here on only this shell knows of it.
        _mw_say "meanwhile: $_mw_name: cannot write the journal in $_mw_dir: steps run one after the other"
        _mw_mode=off
    fi
    _mw_started "$@"
    case $_mw_mode in serial) "$_mw_bin" __follow --dir "$_mw_dir" "$_mw_id" || : ;; esac
}

# Reads the options; sets _mw_shift to how many words they are. (A function of
# its own: bash copies a function whenever it is called.)
_mw_parse() {
    _mw_shift=$#
    while :; do
        case ${1-} in
            --capture) _mw_capture=1 ;;
            --live) _mw_live=1 ;;
            --after=* | --lock=* | --timeout=* | --retries=* | --export=*) _mw_option "${1%%=*}" "${1#*=}" ;;
            --after | --lock | --timeout | --retries | --export)
                [ "$#" -gt 1 ] || _mw_usage "$1 wants a value" || return
                _mw_option "$1" "$2"
                shift
                ;;
            --)
                shift
                break
                ;;
            -*)
                _mw_usage "unknown option $1" || return
                ;;
            *) break ;;
        esac
        shift
    done
    _mw_shift=$((_mw_shift - $#))
}

# Notes an option and its value; the program checks them.
_mw_option() {
    case $1 in
        --after) _mw_plan=1 _mw_after=$_mw_after${_mw_after:+,}$2 ;;
        --lock) _mw_plan=1 _mw_lock=$_mw_lock${_mw_lock:+,}$2 ;;
        --timeout) _mw_plan=1 _mw_timeout=$2 ;;
        --retries) _mw_plan=1 _mw_retries=$2 ;;
        --export) _mw_export="$_mw_export $2 " ;;
    esac
}

# At the limit on processes a shell cannot fork, and gives up. The machine has
# at least as many threads as this user has, and their number is read without a
# fork; only where it comes near the limit the program has to count.
_mw_room() {
    \read -r _mw_rest </proc/loadavg || return 0
    _mw_rest=${_mw_rest#*/}
    [ $((${_mw_rest%% *} + 16)) -lt "$_mw_ceiling" ] || "$_mw_bin" __room "--dir=$_mw_dir" "--in=$_mw_scope" || :
}

# Makes the log: from now on the name is taken.
_mw_mark() { { :; } >|"$_mw_dir/$_mw_stem.log"; }

# Checks _mw_name; sets _mw_key, and the id and the file stem that its task gets.
_mw_check_name() {
    case $_mw_name in
        '' | [!A-Za-z0-9_]* | *[!A-Za-z0-9_.:@+-]*)
            _mw_bad_name || return
            ;;
    esac
    _mw_id=${_mw_scope:+$_mw_scope/}$_mw_name
    _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}$_mw_name
    _mw_fields="${_mw_jobs:+ queued=1}${_mw_capture:+ capture=1}"
    [ "${#_mw_name}" -le 128 ] && [ "${#_mw_stem}" -le 240 ] || _mw_bad_name || return
    _mw_make_key
    \eval "_mw_pid=\${_mw_pid_$_mw_key-}"
    case $_mw_mode in
        off)
            case $_mw_pid in '' | collected:* | done:*) return 0 ;; esac
            _mw_say "meanwhile: $_mw_name: a task of this name is not collected yet"
            _mw_say "hint: collect it first: async_wait $_mw_name"
            return 2
            ;;
    esac
    # A name that was used before: only the journal knows whether it is free.
    # The same goes for what a task depends on.
    if [ -n "$_mw_pid$_mw_plan" ] || [ -e "$_mw_dir/$_mw_stem.log" ]; then
        _mw_next
    fi
}

# Asks the program for the id and the fields of a task.
_mw_next() {
    _mw_value=$(_mw_inside "$_mw_bin" __next "--dir=$_mw_dir" "--in=$_mw_scope" \
        ${_mw_after:+"--after=$_mw_after"} ${_mw_lock:+"--lock=$_mw_lock"} \
        ${_mw_timeout:+"--timeout=$_mw_timeout"} ${_mw_retries:+"--retries=$_mw_retries"} \
        ${_mw_capture:+"--capture"} -- "$_mw_name") && _mw_rc=0 || _mw_rc=$?
    # (A program that is an empty file says nothing, and succeeds.)
    case $_mw_rc:$_mw_plan:$_mw_value in
        0:*:"$_mw_id" | 0:*:"$_mw_id "* | 0:*:"$_mw_id~"*)
            _mw_id=${_mw_value%% *}
            case $_mw_value in *' '*) _mw_fields=" ${_mw_value#* }" ;; *) _mw_fields= ;; esac
            ;;
        2:*) return 2 ;;
        *:1*)
            # The program is broken, and with it what was asked for. What
            # runs may hold the lock, or be what this is to come after.
            _mw_say "meanwhile: $_mw_name: cannot be planned: steps run one after the other"
            _mw_settle
            _mw_mode=off
            _mw_check_name
            return
            ;;
        # The program is broken; this shell's own count is free in any case.
        *) _mw_id=${_mw_scope:+$_mw_scope/}$_mw_name~$((_mw_count + 2)) ;;
    esac
    _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}${_mw_id##*/}
    \eval "_mw_stem_$_mw_key=\$_mw_stem"
}

_mw_bad_name() {
    # The program knows how to print it, whatever is in it.
    case $_mw_mode in
        off) _mw_say "meanwhile: not a valid task name" ;;
        *) "$_mw_bin" __next "--dir=$_mw_dir" "--in=$_mw_scope" -- "$_mw_name" || : ;;
    esac
    return 2
}

# The guard: around the task's own subshell, so that whatever the task does
# (exit, exec, a trap, kill -9) its end is recorded.
_mw_guard() {
    # zsh takes a hangup for a reason to exit with 1, which is no code of a task's.
    case $_mw_shell in zsh) \trap 'exit 137' HUP ;; esac
    _mw_set=$_mw_task_setup
    case $- in *e*) _mw_set="$_mw_set set -e;" ;; esac
    set +e
    case $- in
        *C*)
            set +C
            _mw_set="$_mw_set set -C;"
            ;;
    esac
    case $_mw_x in x) _mw_set="$_mw_set set -x;" ;; esac
    _mw_words "$@" >"$_mw_dir/$_mw_stem.argv"
    _mw_attempt=1 _mw_part='' _mw_fd='' _mw_token='' _mw_asked=''
    case $_mw_retries in ?*) _mw_heed ;; esac
    case $_mw_fields in *' queued=1'*) _mw_admit ;; esac
    # Beside it, not before it, so that the guard can pass signals on; and
    # forked before the guard's own traps, so that what the script ignores
    # stays ignored. The last command of a subshell is exec'ed in place.
    while :; do
        # What an attempt before this one has exported is not this one's.
        case $_mw_export in ?*) : >|"$_mw_dir/$_mw_stem.vars" ;; esac
        (
            case $_mw_part$_mw_fd in ?*) _mw_prepare ;; esac
            case $_mw_capture in
                1) exec 2>&1 >>"$_mw_dir/$_mw_stem$_mw_part.out" ;;
                *) exec 2>&1 ;;
            esac
            _mw_scope=$_mw_id _mw_scope_stem=$_mw_stem
            _mw_level=$((_mw_level + 1)) _mw_depth=0
            # By this a program of the task is found, whatever it lets go of.
            export MEANWHILE_TASK="$_mw_dir/$_mw_stem"
            case $_mw_export in
                ?*)
                    # (It may start tasks of its own, which have other files.)
                    _mw_keep=$_mw_export _mw_keep_in=$_mw_dir/$_mw_stem.vars
                    \trap _mw_save EXIT
                    ;;
            esac
            case $_mw_pass in
                ?*)
                    \eval "$_mw_set \"\$@\" $_mw_pass"
                    exit
                    ;;
            esac
            \eval "$_mw_set"
            "$@"
        ) &
        _mw_child=$!
        case $_mw_retries in
            '') \trap "$_mw_pass_on" INT TERM HUP ;;
            *) \eval "\\trap '$_mw_pass_on' $_mw_caught" ;;
        esac
        \eval "$_mw_untrap"
        while
            \wait "$_mw_child"
            _mw_code=$?
            # A signal interrupts `wait`; then the task is still there.
            \kill -0 "$_mw_child"
        do :; done
        _mw_normal
        case $_mw_code:$_mw_retries:$_mw_asked in
            0:* | *::* | *:1) break ;;
        esac
        _mw_again || break
        case $_mw_asked in 1) break ;; esac
    done
    _mw_probe
    _mw_clock
    # Without the program it is missing until no task has one.
    case $_mw_token in ?*) "$_mw_bin" __free "$_mw_dir" "$_mw_id" ;; esac
    # With the record written the guard's own exit code no longer matters,
    # and `times` may fail as it likes; without it, it is all there is.
    if _mw_append "end $_mw_id code=$_mw_code idle=$_mw_idle$_mw_more"; then
        { \times; } >>"$_mw_dir/$_mw_stem.argv"
    fi
    exit "$_mw_code"
}
