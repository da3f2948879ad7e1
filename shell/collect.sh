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
    # (The code is taken afterwards: a trap of the script may run other verbs.)
    "$_mw_bin" wait "--dir=$_mw_dir" --answer ${_mw_at:+"--at=$_mw_at"} ${_mw_scope:+"--in=$_mw_scope"} \
        ${MEANWHILE_OUTPUT:+"--output=$MEANWHILE_OUTPUT"} "$@" && _mw_rc=0 || _mw_rc=$?
    # Codes up to 124 are plain; but with --any the answer also says which.
    [ "$_mw_rc" -lt 125 ] || {
        _mw_understand "$@" || return
        return 0
    }
    for _mw_rest in "$@"; do
        case $_mw_rest in --any) _mw_understand "$@" || return ;; esac
    done
    return "$_mw_rc"
}

# Makes sense of an exit code that may be a task's or that of a failing
# program: the program leaves an answer where it means it. $@: as for the wait.
_mw_understand() {
    _mw_whoami
    _mw_answer='' _mw_alone='' _mw_first='' _mw_lost=''
    if [ -r "$_mw_dir/answer.$_mw_self" ]; then
        # CODE CODE-WITHOUT-LOST FIRST LOST…
        \read -r _mw_lost <"$_mw_dir/answer.$_mw_self" || :
        _mw_answer=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
        _mw_alone=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
        _mw_first=${_mw_lost%% *} _mw_lost=${_mw_lost#* }
    fi
    if [ "$_mw_answer" != "$_mw_rc" ]; then
        case $_mw_rc in
            # Usage errors need no answer; 130 is the user's interrupt.
            [0-9] | [0-9][0-9] | 1[01]? | 12[0-4] | 130) return "$_mw_rc" ;;
        esac
        _mw_say "meanwhile: the client failed (exit code $_mw_rc): codes come from the shell, logs may repeat"
        _mw_off_wait "$@"
        return
    fi
    case $_mw_first in -) ;; *) ASYNC_NAME=$_mw_first ;; esac
    [ -n "$_mw_lost" ] || return "$_mw_rc"
    # The guards of these left no record, but they may be children of this shell.
    _mw_rc=$_mw_alone
    while [ -n "$_mw_lost" ]; do
        _mw_name=${_mw_lost%% *}
        case $_mw_lost in *' '*) _mw_lost=${_mw_lost#* } ;; *) _mw_lost= ;; esac
        _mw_name=${_mw_name##*/}
        _mw_name=${_mw_name%%~*}
        _mw_reap
        [ "$_mw_rc" -ne 0 ] || _mw_rc=$_mw_code
    done
    return "$_mw_rc"
}

# Makes _mw_code what others say: of signal N, ksh93 says 256+N, yash 384+N.
_mw_normal() {
    case $_mw_code in
        3[89]? | 4??) _mw_code=$((_mw_code - 256)) ;;
        25[6-9] | 2[6-9]? | 3??) _mw_code=$((_mw_code - 128)) ;;
    esac
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
        *:*) _mw_code=${_mw_pid#*:} ;;
        *)
            # A trap of the script may interrupt `wait`: then the task lives.
            while :; do
                _mw_code=0
                \wait "$_mw_pid" 2>/dev/null || _mw_code=$?
                [ "$_mw_code" -gt 128 ] && \kill -0 "$_mw_pid" 2>/dev/null || break
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
    _mw_whoami
    _mw_value=$(_mw_inside "$_mw_bin" get "--dir=$_mw_dir" "--answer=$_mw_self" ${_mw_at:+"--at=$_mw_at"} \
        ${_mw_scope:+"--in=$_mw_scope"} "$@") && _mw_rc=0 || _mw_rc=$?
    \eval "$_mw_var=\$_mw_value"
    [ "$_mw_rc" -ge 125 ] || return "$_mw_rc"
    _mw_understand --quiet "$@"
}
