# shellcheck shell=sh disable=SC2015,SC2030,SC2031,SC2034,SC2154
# collect.sh: async_wait and async_get: the client, and what its exit code means.

_mw_wait() {
    [ -n "$_mw_dir" ] || _mw_open --join || return
    case $_mw_mode in
        off)
            _mw_off_wait "$@"
            return
            ;;
    esac
    _mw_where
    _mw_partial=0
    _mw_ask "$@" || _mw_ask_again "$@"
    return "$_mw_rc"
}

# Runs the client; sets _mw_rc to its code, and fails if that is not meant.
_mw_ask() {
    # (The code is taken afterwards: a trap of the script may run other verbs.)
    _mw_calls=$((_mw_calls + 1))
    "$_mw_bin" wait "--dir=$_mw_dir" --answer "--call=$_mw_calls" ${_mw_at:+"--at=$_mw_at"} ${_mw_scope:+"--in=$_mw_scope"} \
        ${MEANWHILE_PROGRESS:+"--progress=$MEANWHILE_PROGRESS"} ${MEANWHILE_HEARTBEAT:+"--heartbeat=$MEANWHILE_HEARTBEAT"} \
        ${MEANWHILE_OUTPUT:+"--output=$MEANWHILE_OUTPUT"} \
        ${MEANWHILE_GROUPS:+"--groups=$MEANWHILE_GROUPS"} "$@" && _mw_rc=0 || _mw_rc=$?
    # An empty file, as in the middle of an installation, is a shell script that succeeds.
    case $_mw_rc:$_mw_bin in 0:*/*) [ -s "$_mw_bin" ] || _mw_rc=126 ;; esac
    # Codes up to 123 are plain; but with --any the answer also says which.
    _mw_plain=1 _mw_answer=
    [ "$_mw_rc" -lt 124 ] || _mw_plain=
    for _mw_rest in "$@"; do
        case $_mw_rest in --any) _mw_plain= ;; esac
    done
    [ -n "$_mw_plain" ] || _mw_understand || return
    case $_mw_partial in 0) ;; *) _mw_rc=$_mw_partial ;; esac
    _mw_take_over "$@"
}

# The client failed, with _mw_rc: another one may not; else the shell itself
# knows. Sets _mw_rc.
_mw_ask_again() {
    case $_mw_rc in
        # 130 is the user's interrupt.
        130) return 0 ;;
        12[89] | 1[3-9]? | 2??)
            _mw_say "meanwhile: the client was killed (exit code $_mw_rc): asking again, logs may repeat"
            _mw_ask "$@" && return 0
            ;;
    esac
    _mw_say "meanwhile: the client failed (exit code $_mw_rc): codes come from the shell, logs may repeat"
    _mw_off_wait "$@" && _mw_rc=0 || _mw_rc=$?
}

# After a wait with these words: marks what was collected, and takes its
# variables over. (124 is a task's code only if the client says so.) Success
# without them would be none.
_mw_take_over() {
    _mw_unset=
    case $_mw_rc:$_mw_answer in 124: | 124:partial) ;; *) _mw_done "$@" ;; esac
    case $_mw_unset:$_mw_rc in 1:0) _mw_rc=125 ;; esac
}

# Marks the tasks that a wait with these words has collected.
_mw_done() {
    for _mw_name in "$@"; do
        case $_mw_name in
            --fail-fast) [ "$_mw_rc" -eq 0 ] || return 0 ;;
            --all)
                _mw_at_name=0
                while [ "$_mw_at_name" -lt "$_mw_count" ]; do
                    _mw_at_name=$((_mw_at_name + 1))
                    \eval "_mw_name=\$_mw_name_$_mw_at_name"
                    _mw_mark_done
                done
                return 0
                ;;
            --any)
                # (Not ASYNC_NAME: that may be of an earlier call, or inherited.)
                _mw_name=$_mw_first
                case $_mw_name in - | '') ;; *) _mw_mark_done ;; esac
                return 0
                ;;
        esac
    done
    for _mw_name in "$@"; do
        case $_mw_name in -* | '' | *[!A-Za-z0-9_.:@+-]*) ;; *) _mw_mark_done ;; esac
    done
}

_mw_mark_done() {
    _mw_make_key
    \eval "_mw_pid=\${_mw_pid_$_mw_key-}"
    case $_mw_pid in
        '' | *:*) ;;
        *) \eval "_mw_pid_$_mw_key=done:$_mw_pid" ;;
    esac
    _mw_import
}

# Makes sense of an exit code that may be a task's or that of a failing
# program: the program leaves an answer where it means it. Fails if it does not.
_mw_understand() {
    _mw_whoami
    _mw_answer='' _mw_alone='' _mw_first='' _mw_lost=''
    if [ -r "$_mw_dir/answer.$_mw_self" ]; then
        # CALL, then CODE CODE-WITHOUT-LOST FIRST LOST…, or `partial` CODE;
        # without the end of its line it is torn, and none.
        \read -r _mw_lost <"$_mw_dir/answer.$_mw_self" || _mw_lost=
        case $_mw_lost in
            *[!A-Za-z0-9_.:@+~/\ -]*) _mw_lost= ;; # not the client's
            "$_mw_calls "*) _mw_lost=${_mw_lost#* } ;;
            *) _mw_lost= ;; # of an earlier client
        esac
        _mw_answer=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
        _mw_alone=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
        _mw_first=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
        case $_mw_alone in '' | *[!0-9]*) _mw_answer='' _mw_first='' ;; esac
    fi
    case $_mw_answer:$_mw_partial in partial:0) _mw_partial=$_mw_alone ;; esac
    if [ "$_mw_answer" != "$_mw_rc" ]; then
        # Usage errors need no answer.
        case $_mw_rc in [0-9] | [0-9][0-9] | 1[01]? | 12[0-4]) return 0 ;; esac
        return 1
    fi
    case $_mw_first in - | '') ;; *) ASYNC_NAME=$_mw_first ;; esac
    # The guards of these left no record, but they may be children of this
    # shell. They matter if the first failure is one of them.
    [ "$_mw_rc" != "$_mw_alone" ] || return 0
    _mw_rc=0
    while [ -n "$_mw_lost" ]; do
        _mw_name=${_mw_lost%% *}
        case $_mw_lost in *' '*) _mw_lost=${_mw_lost#* } ;; *) _mw_lost= ;; esac
        _mw_name=${_mw_name##*/}
        _mw_name=${_mw_name%%~*}
        _mw_reap
        [ "$_mw_rc" -ne 0 ] || _mw_rc=$_mw_code
    done
    [ "$_mw_rc" -ne 0 ] || _mw_rc=$_mw_alone
}

# Makes the code of a wait what others say.
_mw_normal() { _mw_signal_code; }

# Of signal N, ksh93 says 256+N, yash 384+N.
_mw_signal_code() {
    case $_mw_code in
        3[89]? | 4??) _mw_code=$((_mw_code - 256)) ;;
        25[6-9] | 2[6-9]? | 3??) _mw_code=$((_mw_code - 128)) ;;
    esac
}

# Waits for the tasks of this shell that run.
_mw_settle() {
    _mw_this=$_mw_name _mw_at_name=0
    while [ "$_mw_at_name" -lt "$_mw_count" ]; do
        _mw_at_name=$((_mw_at_name + 1))
        \eval "_mw_name=\$_mw_name_$_mw_at_name"
        _mw_reap
    done
    _mw_name=$_mw_this
}

# Sets _mw_code to what the shell itself knows of the task _mw_name.
_mw_reap() {
    # The task's own tasks first, then those around it.
    _mw_at_level=$_mw_level
    while
        _mw_make_key
        \eval "_mw_pid=\${_mw_pid_$_mw_key-}"
        [ -z "$_mw_pid" ] && [ "$_mw_level" -gt 0 ]
    do
        _mw_level=$((_mw_level - 1))
    done
    _mw_level=$_mw_at_level
    _mw_code=0
    case $_mw_pid in
        '') _mw_code=127 ;;
        ran:* | collected:*) _mw_code=${_mw_pid#*:} ;;
        *)
            _mw_child=${_mw_pid#done:}
            # A trap of the script may interrupt `wait`: then the task lives.
            while :; do
                _mw_code=0
                \wait "$_mw_child" 2>/dev/null || _mw_code=$?
                [ "$_mw_code" -gt 128 ] && \kill -0 "$_mw_child" 2>/dev/null || break
            done
            # Not this shell's child: nobody can know.
            [ "$_mw_code" -ne 127 ] || _mw_code=137
            _mw_normal
            ;;
    esac
}

_mw_get() {
    case ${1-} in
        '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*)
            _mw_say "meanwhile: async_get: \`${1-}' is not a variable's name"
            _mw_say "hint: async_get VARIABLE NAME"
            return 2
            ;;
    esac
    [ -n "$_mw_dir" ] || _mw_open --join || return
    _mw_var=$1
    shift
    case $_mw_mode in
        off)
            _mw_off_get "$@"
            return
            ;;
    esac
    _mw_where
    _mw_partial=0
    _mw_whoami
    _mw_calls=$((_mw_calls + 1))
    _mw_value=$(_mw_inside "$_mw_bin" get "--dir=$_mw_dir" "--answer=$_mw_self" "--call=$_mw_calls" ${_mw_at:+"--at=$_mw_at"} \
        ${_mw_scope:+"--in=$_mw_scope"} ${MEANWHILE_PROGRESS:+"--progress=$MEANWHILE_PROGRESS"} \
        ${MEANWHILE_HEARTBEAT:+"--heartbeat=$MEANWHILE_HEARTBEAT"} "$@") && _mw_rc=0 || _mw_rc=$?
    \eval "$_mw_var=\$_mw_value"
    _mw_answer=
    if [ "$_mw_rc" -ge 124 ]; then
        _mw_understand || {
            _mw_ask_again --quiet "$@"
            _mw_read_value
        }
    fi
    _mw_take_over "$@"
    return "$_mw_rc"
}

# The client gave no value, or half of one: takes it from the file. A code of
# 0 must not come with a value that nobody has read.
_mw_read_value() {
    _mw_make_key
    \eval "_mw_stem=\${_mw_stem_$_mw_key-}"
    [ -n "$_mw_stem" ] || _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}$_mw_name
    if _mw_value=$(_mw_inside command cat "$_mw_dir/$_mw_stem.out" 2>/dev/null); then
        \eval "$_mw_var=\$_mw_value"
    elif [ "$_mw_rc" -eq 0 ]; then
        _mw_say "meanwhile: $_mw_name: its output cannot be read"
        _mw_rc=125
    fi
}
