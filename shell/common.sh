# shellcheck shell=sh disable=SC2015,SC2069,SC2030,SC2031,SC2034,SC2154
# common.sh: the glue, in the shell language that bash, zsh, dash, busybox
# ash, mksh, ksh93 and yash share. bash.sh, zsh.sh and sh.sh replace a few
# small functions where a shell can do better or needs it done otherwise;
# serial.sh is what remains where meanwhile itself is missing or broken.
#
# How it works. `async_run` forks a guard, which runs the task in a subshell
# of its own and appends its end to the run's journal; `async_wait` runs the
# client once, which blocks, replays the logs and exits with the code. Between
# the two nothing is held open and nothing runs in the script's shell.
#
# House rules. Every name begins with _mw_ (there is no `local` in POSIX).
# Nothing may depend on IFS, options or aliases of the script. On the way of
# a task there is one fork for the guard and one for the task, and no exec.
# A fork must not stand in a condition: that would switch errexit off in it.

# The program; a token until `meanwhile init` prints it.
_mw_bin=@MEANWHILE@

# The state of this shell, unless it is here already (the glue was loaded twice).
case ${_mw_owner-} in
    "$$") ;;
    *)
        _mw_owner=$$    # the script's pid
        _mw_dir=        # the run directory; empty until a run is open
        _mw_mode=       # "", serial, or off: no meanwhile, steps run one by one
        _mw_count=0     # tasks started by this shell; their names are _mw_name_N
        _mw_scope=      # the id of the task that this shell runs in
        _mw_scope_stem= # the same, as it stands in file names
        _mw_script=${0##*/}
        ;;
esac

# ---- the verbs -------------------------------------------------------------
# Each takes xtrace out of the way, does its work and puts it back.

async_init() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_begin
    _mw_leave "$?" 2>/dev/null
}

async_run() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_run "$@"
    _mw_leave "$?" 2>/dev/null
}

async_runfunc() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_verb=async_runfunc
    _mw_run "$@"
    _mw_leave "$?" 2>/dev/null
}

async_wait() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_wait "$@"
    _mw_leave "$?" 2>/dev/null
}

async_get() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_get "$@"
    _mw_leave "$?" 2>/dev/null
}

async_cancel() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call cancel "$@"
    _mw_leave "$?" 2>/dev/null
}

async_status() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call status "$@"
    _mw_leave "$?" 2>/dev/null
}

async_log() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call log "$@"
    _mw_leave "$?" 2>/dev/null
}

async_pidof() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call __pidof "$@"
    _mw_leave "$?" 2>/dev/null
}

async_cleanup() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_wait --all --uncollected
    _mw_leave "$?" 2>/dev/null
}

async_print_timing() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call report
    _mw_leave "$?" 2>/dev/null
}

# ---- what shells do differently (defaults) ---------------------------------

# (zsh gives every function its caller's xtrace back, so that `set +x` stands
# in the verbs themselves.)
_mw_enter() {
    case $- in *x*) _mw_x=x ;; *) _mw_x= ;; esac
    _mw_verb=async_run
}

_mw_leave() {
    _mw_rc=$1
    case $_mw_x in x) set -x ;; esac
    # Traced, but by then to nowhere: the call is redirected.
    return "$_mw_rc"
}

# Sets _mw_at to the script's file:line that called the verb, where it is known.
_mw_where() { _mw_at=; }

# Sets _mw_key to _mw_name as part of a variable's name.
_mw_encode() {
    _mw_key=e_
    _mw_rest=$_mw_name
    while [ -n "$_mw_rest" ]; do
        case $_mw_rest in
            _*) _mw_key=${_mw_key}__ ;;
            .*) _mw_key=${_mw_key}_d ;;
            :*) _mw_key=${_mw_key}_c ;;
            @*) _mw_key=${_mw_key}_a ;;
            +*) _mw_key=${_mw_key}_p ;;
            -*) _mw_key=${_mw_key}_m ;;
            *) _mw_key=$_mw_key${_mw_rest%"${_mw_rest#?}"} ;;
        esac
        _mw_rest=${_mw_rest#?}
    done
}

# Appends a record to the journal; $1 is what follows its time.
_mw_append() { \printf '\036%s %s\n' "$_mw_up" "$1" >>"$_mw_dir/journal"; }

# Prints its arguments, NUL after each.
_mw_words() { \printf '%s\0' "$@"; }

# Prints one line to standard error.
_mw_say() { \printf '%s\n' "$1" >&2; }

# Forks the guard; sets _mw_child. The guard's own standard error goes
# nowhere: a shell would comment there on a task that was killed.
_mw_fork() {
    (_mw_guard "$@") </dev/null >>"$_mw_dir/$_mw_stem.log" 2>/dev/null &
    _mw_child=$!
}

# The same under `set -m`, where that gives a background job a process group
# of its own without a terminal (bash, mksh, ksh93): ^C at a terminal then
# goes to the script alone, and the task can be ended as a whole.
_mw_fork_group() {
    case $- in
        *m*) _mw_fork "$@" ;;
        *)
            set -m
            _mw_fork "$@"
            set +m
            ;;
    esac
}

# Which of the two.
_mw_start() { _mw_fork "$@"; }

# Runs the task in its own subshell; sets _mw_code. The last command of a subshell, and of
# nothing else, is exec'ed in place.
_mw_task() {
    case $_mw_capture in
        '')
            (
                _mw_scope=$_mw_id _mw_scope_stem=$_mw_stem
                \eval "$_mw_set"
                "$@"
            ) 2>&1
            ;;
        *)
            (
                _mw_scope=$_mw_id _mw_scope_stem=$_mw_stem
                \eval "$_mw_set"
                "$@"
            ) 2>&1 >>"$_mw_dir/$_mw_stem.out"
            ;;
    esac
    _mw_code=$?
}

# Inside the task's own subshell, before the task: more options to set.
_mw_task_setup=

# In the guard, after the task: sets _mw_more to more fields of its `end`.
_mw_probe() { _mw_more=; }

# Called when a task was started, with its command: devstack says so.
_mw_started() { :; }

# Sets _mw_self to this very process's pid ($$ is the script's, also in subshells).
_mw_whoami() { IFS=' ' \read -r _mw_self _mw_rest </proc/self/stat; }

# ---- the run ---------------------------------------------------------------

# Sets _mw_serial from the script's switch.
_mw_switch() {
    case ${MEANWHILE_PARALLEL-1} in
        0 | [Ff]alse | FALSE | [Nn]o | NO) _mw_serial=1 ;;
        *) _mw_serial= ;;
    esac
}

# Opens a run, or joins the one that is open in MEANWHILE_DIR; $@: more options.
_mw_open() {
    case $_mw_mode in off) return 0 ;; esac
    _mw_switch
    if \command -v "$_mw_bin" >/dev/null 2>&1; then
        _mw_rc=0
        _mw_line=$("$_mw_bin" __open --owner "$$" --shell "$_mw_shell" \
            --script "$_mw_script" ${_mw_serial:+--serial} \
            ${MEANWHILE_DIR:+"--dir=$MEANWHILE_DIR"} \
            ${MEANWHILE_GRACE:+"--grace=$MEANWHILE_GRACE"} \
            ${MEANWHILE_ON_EXIT:+"--on-exit=$MEANWHILE_ON_EXIT"} "$@") || _mw_rc=$?
        case $_mw_rc in
            0)
                \eval "$_mw_line"
                _mw_mode=${_mw_serial:+serial}
                return 0
                ;;
            # Refused: the user must decide.
            2 | 125) return "$_mw_rc" ;;
        esac
        _mw_say "meanwhile: cannot keep a run: steps run one after the other"
    else
        _mw_say "meanwhile: $_mw_bin is not there: steps run one after the other"
    fi
    _mw_mode=off
}

_mw_begin() {
    case $_mw_mode in off) return 0 ;; esac
    _mw_dir=
    _mw_open --fresh
}

# Runs a command of the program that is about this run.
_mw_call() {
    _mw_rc=0
    [ -n "$_mw_dir" ] || _mw_open --join || return
    case $_mw_mode in
        off)
            _mw_off_call "$@" || return
            return 0
            ;;
    esac
    _mw_verb=$1
    shift
    case $_mw_verb in report | status) ;; *) set -- ${_mw_scope:+"--in=$_mw_scope"} "$@" ;; esac
    "$_mw_bin" "$_mw_verb" "--dir=$_mw_dir" "$@" || return
}

# ---- starting --------------------------------------------------------------

_mw_usage() {
    _mw_say "meanwhile: $_mw_verb: $1"
    _mw_say "hint: async_run [--capture] NAME COMMAND [ARG...]; async_runfunc [--capture] FUNCTION [ARG...]"
    return 2
}

_mw_run() {
    _mw_fields=
    _mw_capture=
    while :; do
        case ${1-} in
            --capture)
                _mw_capture=1
                _mw_fields=' capture=1'
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
    done
    _mw_name=${1-}
    case $_mw_verb:$# in
        async_run:0 | async_runfunc:0) _mw_usage "no name" || return ;;
        async_run:1) _mw_usage "no command for $1" || return ;;
        async_run:*) shift ;;
    esac
    [ -n "$_mw_dir" ] || _mw_open || return
    _mw_check_name || return
    case $_mw_mode in
        off)
            _mw_off_run "$@"
            return
            ;;
    esac
    if [ ! -d "$_mw_dir" ]; then
        _mw_say "meanwhile: the run directory $_mw_dir is gone: steps run one after the other"
        _mw_mode=off
        _mw_off_run "$@"
        return
    fi
    _mw_where
    _mw_start "$@"
    IFS=' ' \read -r _mw_up _mw_idle </proc/uptime
    \eval "_mw_pid_$_mw_key=\$_mw_child"
    _mw_count=$((_mw_count + 1))
    \eval "_mw_name_$_mw_count=\$_mw_name"
    { _mw_append "start $_mw_id pid=$_mw_child idle=$_mw_idle${_mw_at:+ at=$_mw_at}$_mw_fields"; } 2>/dev/null ||
        _mw_say "meanwhile: $_mw_name: cannot write the journal in $_mw_dir (is the disk full?)"
    _mw_started "$@"
    case $_mw_mode in serial) "$_mw_bin" __follow --dir "$_mw_dir" "$_mw_id" || : ;; esac
}

# Checks _mw_name; sets _mw_key, and the id and the file stem that its task gets.
_mw_check_name() {
    case $_mw_name in
        '' | [!A-Za-z0-9_]* | *[!A-Za-z0-9_.:@+-]*)
            _mw_bad_name || return
            ;;
        *[.:@+-]*) _mw_encode ;;
        *) _mw_key=n_$_mw_name ;;
    esac
    [ "${#_mw_name}" -le 128 ] || _mw_bad_name || return
    _mw_id=${_mw_scope:+$_mw_scope/}$_mw_name
    _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}$_mw_name
    \eval "_mw_pid=\${_mw_pid_$_mw_key-}"
    case $_mw_mode in
        off)
            case $_mw_pid in '' | collected*) return 0 ;; esac
            _mw_say "meanwhile: $_mw_name: a task of this name is not collected yet"
            _mw_say "hint: collect it first: async_wait $_mw_name"
            return 2
            ;;
    esac
    # A name that was used before: only the journal knows whether it is free.
    if [ -n "$_mw_pid" ] || [ -e "$_mw_dir/$_mw_stem.argv" ]; then
        _mw_rc=0
        _mw_id=$("$_mw_bin" __next "--dir=$_mw_dir" "--in=$_mw_scope" -- "$_mw_name") || _mw_rc=$?
        case $_mw_rc in
            0) _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}${_mw_id##*/} ;;
            2) return 2 ;;
            *)
                # The program is broken; this shell's own count is free in any case.
                _mw_id=${_mw_scope:+$_mw_scope/}$_mw_name~$((_mw_count + 2))
                _mw_stem=${_mw_scope_stem:+$_mw_scope_stem%}${_mw_id##*/}
                ;;
        esac
    fi
}

_mw_bad_name() {
    _mw_say "meanwhile: \`$_mw_name' is not a valid task name"
    _mw_say "hint: a task name is letters, digits and _ . : @ + - (not first: . : @ + -), at most 128 bytes"
    return 2
}

# The guard: around the task's own subshell, so that whatever the task does
# (exit, exec, a trap, kill -9) its end is recorded.
_mw_guard() {
    _mw_set=$_mw_task_setup
    case $- in *e*) _mw_set="$_mw_set set -e;" ;; esac
    set +e
    case $- in
        *C*)
            set +C
            _mw_set="$_mw_set set -C;"
            ;;
    esac
    # The guard lives on; the task, in its subshell, gets the default.
    _mw_ended=
    \trap '_mw_ended=143' INT TERM HUP
    _mw_words "$@" >"$_mw_dir/$_mw_stem.argv"
    case $_mw_x in x) _mw_set="$_mw_set set -x;" ;; esac
    case $_mw_ended in
        '')
            _mw_task "$@"
            ;;
        # Cancelled before it began.
        *) _mw_code=$_mw_ended ;;
    esac
    # ksh93 says 256+N, yash 384+N, where others say 128+N for signal N.
    case $_mw_code in
        3[89]? | 4??) _mw_code=$((_mw_code - 256)) ;;
        25[6-9] | 2[6-9]? | 3??) _mw_code=$((_mw_code - 128)) ;;
    esac
    \times >>"$_mw_dir/$_mw_stem.argv"
    _mw_probe
    IFS=' ' \read -r _mw_up _mw_idle </proc/uptime
    _mw_append "end $_mw_id code=$_mw_code idle=$_mw_idle$_mw_more"
    exit "$_mw_code"
}

# ---- collecting ------------------------------------------------------------

_mw_wait() {
    [ -n "$_mw_dir" ] || _mw_open --join || return
    case $_mw_mode in
        off)
            _mw_off_wait "$@"
            return
            ;;
    esac
    _mw_where
    _mw_rc=0
    "$_mw_bin" wait "--dir=$_mw_dir" --answer ${_mw_at:+"--at=$_mw_at"} ${_mw_scope:+"--in=$_mw_scope"} \
        ${MEANWHILE_OUTPUT:+"--output=$MEANWHILE_OUTPUT"} "$@" || _mw_rc=$?
    # With --any the answer also says which. Else codes up to 124 are plain.
    case " $* " in *' --any '*) ;; *) [ "$_mw_rc" -ge 125 ] || return "$_mw_rc" ;; esac
    _mw_understand "$@"
}

# Makes sense of an exit code that may be a task's or that of a failing
# program: the program leaves an answer where it means it. $@: as for the wait.
_mw_understand() {
    _mw_whoami
    _mw_answer='' _mw_alone='' _mw_first='' _mw_lost=''
    if [ -r "$_mw_dir/answer.$_mw_self" ]; then
        IFS=' ' \read -r _mw_answer _mw_alone _mw_first _mw_lost <"$_mw_dir/answer.$_mw_self" || :
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

# Sets _mw_code to what the shell itself knows of the task _mw_name.
_mw_reap() {
    case $_mw_name in *[.:@+-]*) _mw_encode ;; *) _mw_key=n_$_mw_name ;; esac
    \eval "_mw_pid=\${_mw_pid_$_mw_key-}"
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
    _mw_rc=0
    _mw_value=$("$_mw_bin" get "--dir=$_mw_dir" --answer ${_mw_at:+"--at=$_mw_at"} \
        ${_mw_scope:+"--in=$_mw_scope"} "$@") || _mw_rc=$?
    \eval "$_mw_var=\$_mw_value"
    [ "$_mw_rc" -ge 125 ] || return "$_mw_rc"
    _mw_understand --quiet "$@"
}
