# shellcheck shell=sh disable=SC2015,SC2069,SC2030,SC2031,SC2034,SC2016,SC2154,SC3047
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
# Which version of it printed this: for `meanwhile doctor --glue "$_mw_version"`.
_mw_version=@VERSION@

# The state of this shell, unless it is here already (the glue was loaded twice).
case ${_mw_owner-} in
    "$$") ;;
    *)
        _mw_owner=$$    # the script's pid
        _mw_dir=        # the run directory; empty until a run is open
        _mw_mode=       # "", serial, or off: no meanwhile, steps run one by one
        _mw_jobs=       # what limits its tasks; empty: nothing
        _mw_ceiling=    # how many processes there may be; empty: any number
        _mw_count=0     # tasks started by this shell; their names are _mw_name_N
        _mw_scope=      # the id of the task that this shell runs in
        _mw_scope_stem= # the same, as it stands in file names
        _mw_level=0     # how many tasks it runs in
        _mw_calls=0     # clients run by this shell; tells their answers apart
        _mw_pass=       # redirections for a task's command; see queue.sh
        _mw_shared=     # the run whose pool a task can use
        _mw_depth=0     # verbs under way: a trap may run one inside another
        _mw_script=$0
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
    _mw_leave "$?"
}

async_run() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_run "$@"
    _mw_leave "$?"
}

async_runfunc() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_verb=async_runfunc
    _mw_run "$@"
    _mw_leave "$?"
}

async_wait() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_wait "$@"
    _mw_leave "$?"
}

async_get() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_get "$@"
    _mw_leave "$?"
}

async_cancel() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call cancel "$@"
    _mw_leave "$?"
}

async_status() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call status "$@"
    _mw_leave "$?"
}

async_log() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call log "$@"
    _mw_leave "$?"
}

async_pidof() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call __pidof "$@"
    _mw_leave "$?"
}

async_cleanup() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_wait --all --uncollected
    _mw_leave "$?"
}

async_print_timing() {
    {
        _mw_enter
        set +x
    } 2>/dev/null
    _mw_call report
    _mw_leave "$?"
}

# ---- what shells do differently (defaults) ---------------------------------

# (zsh gives every function its caller's xtrace back, so that `set +x` stands
# in the verbs themselves.)
_mw_enter() {
    case $_mw_depth$- in
        0*x*) _mw_x=x ;;
        0*) _mw_x= ;;
    esac
    _mw_depth=$((_mw_depth + 1))
    _mw_verb=async_run
}

_mw_leave() {
    _mw_depth=$((_mw_depth - 1))
    case $_mw_depth$_mw_x in
        0x)
            {
                set -x
                # Traced, but to nowhere.
                return "$1"
            } 2>/dev/null
            ;;
    esac
    return "$1"
}

# Sets _mw_at to the script's file:line that called the verb, where it is known.
_mw_where() { _mw_at=; }

# Sets _mw_key to what stands for _mw_name at _mw_level in a variable's name.
# (With the pid, since a parent may have exported its own.)
_mw_make_key() {
    case $_mw_name in
        *[!A-Za-z0-9_]*)
            _mw_encode
            _mw_key=${_mw_owner}_${_mw_level}e_$_mw_key
            ;;
        *) _mw_key=${_mw_owner}_${_mw_level}n_$_mw_name ;;
    esac
}

# Sets _mw_key to _mw_name with other characters for . : @ + and -
_mw_encode() {
    _mw_key=
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

# Sets _mw_up and _mw_idle, seconds since boot: for the machine, and for its
# processors together. (Not by IFS, which a script may have made readonly.)
_mw_clock() {
    \read -r _mw_up </proc/uptime
    _mw_idle=${_mw_up#* }
    _mw_up=${_mw_up%% *}
}

# Appends a record to the journal; $1 is what follows its time.
_mw_append() { \printf '\036%s %s\n' "$_mw_up" "$1" >>"$_mw_dir/journal"; }

# Prints its arguments, NUL after each.
_mw_words() { \printf '%s\0' "$@"; }

_mw_nl='
'

# Prints its argument as it is; the same as a line.
_mw_put() { \printf %s "$1"; }
_mw_say_out() { \printf '%s\n' "$1"; }

# Prints one line to standard error.
_mw_say() { \printf '%s\n' "$1" >&2; }

# Forks the guard; sets _mw_child. The guard's own standard error goes
# nowhere: a shell would comment there on a task that was killed. (Redirected
# from outside, mksh would keep the script's output open beside the log.)
_mw_fork() {
    (
        case $_mw_live in 1) "$_mw_bin" __live "$_mw_dir" "$_mw_id" </dev/null >/dev/null & ;; esac
        exec </dev/null >>"$_mw_dir/$_mw_stem.log" 2>/dev/null || exit
        _mw_guard "$@"
    ) &
    _mw_child=$!
}

# The same under `set -m`, where that gives a background job a process group
# of its own (bash, mksh, ksh93): it can then be ended as a whole. Not where
# there is a terminal: such a group would be stopped when it reads from it.
_mw_fork_group() {
    case $_mw_tty$- in
        tty* | *m*) _mw_fork "$@" ;;
        *)
            set -m
            _mw_fork "$@"
            set +m
            ;;
    esac
}

# Sets _mw_tty where there is a terminal.
_mw_find_tty() {
    _mw_tty=''
    { _mw_tty='tty'; } 2>/dev/null </dev/tty || :
}

# Which of the two.
_mw_start() { _mw_fork "$@"; }

# Whether the guard was asked to end its task.
_mw_asked=

# Whether programs do not get descriptors that `exec` opened in the shell.
_mw_private=

# Inside the task's own subshell, before the task: more options to set.
_mw_task_setup=

# What the guard does with a signal: the task gets it, as TERM, and is not tried again.
_mw_pass_on='_mw_asked=1; \kill "$_mw_child"'

# Drops the traps that run on errors and commands, where a shell has such.
_mw_untrap=

# In the guard, after the task: sets _mw_more to more fields of its `end`.
# errexit may be set, but without effect, since async_run stands in a
# condition; there an ERR trap stays silent too.
_mw_probe() {
    _mw_more=
    case $_mw_untrap:$_mw_set in
        *ERR*:*'set -e'*)
            \trap '_mw_more=heard' ERR
            false
            \trap - ERR
            case $_mw_more in heard) _mw_more= ;; *) _mw_more=' errexit=off' ;; esac
            ;;
    esac
}

# Called when a task was started, with its command: devstack says so.
_mw_started() { :; }

# Runs a program inside a command substitution: no trap of the script may
# print into the value.
_mw_inside() {
    \eval "$_mw_untrap"
    "$@" || exit "$?"
}

# Sets _mw_self to this very process's pid ($$ is the script's, also in subshells).
_mw_whoami() {
    \read -r _mw_self </proc/self/stat
    _mw_self=${_mw_self%% *}
}

# ---- the run ---------------------------------------------------------------

# Sets _mw_serial from the script's switch.
_mw_switch() {
    _mw_serial=
    case ${MEANWHILE_PARALLEL-} in
        '' | 1 | [Tt]rue | TRUE | [Yy]es | YES | [Oo]n | ON) ;;
        0 | [Ff]alse | FALSE | [Nn]o | NO | [Oo]ff | OFF) _mw_serial=1 ;;
        *)
            _mw_say "meanwhile: MEANWHILE_PARALLEL is \"$MEANWHILE_PARALLEL\""
            _mw_say "hint: it is 1 (tasks run beside the script) or 0 (each at the point of its start)"
            return 2
            ;;
    esac
}

# Opens a run, or joins the one that is open in MEANWHILE_DIR; $@: more options.
_mw_open() {
    case $_mw_mode in off) return 0 ;; esac
    _mw_switch || return
    if \command -v "$_mw_bin" >/dev/null 2>&1; then
        _mw_value=$(_mw_inside "$_mw_bin" __open --owner "$$" --shell "$_mw_shell" \
            --script "$_mw_script" ${_mw_serial:+"--serial"} \
            ${MEANWHILE_DIR:+"--dir=$MEANWHILE_DIR"} \
            ${MEANWHILE_GRACE:+"--grace=$MEANWHILE_GRACE"} \
            ${MEANWHILE_ON_EXIT:+"--on-exit=$MEANWHILE_ON_EXIT"} \
            ${MEANWHILE_JOBS:+"--jobs=$MEANWHILE_JOBS"} \
            ${MEANWHILE_PROGRESS:+"--progress=$MEANWHILE_PROGRESS"} \
            ${MEANWHILE_HEARTBEAT:+"--heartbeat=$MEANWHILE_HEARTBEAT"} \
            ${MEANWHILE_OUTPUT:+"--output=$MEANWHILE_OUTPUT"} "$@") && _mw_rc=0 || _mw_rc=$?
        case $_mw_rc in
            0)
                # CEILING JOBS PATH, and a mark, for the path may end in newlines.
                _mw_ceiling=${_mw_value%% *} _mw_dir=${_mw_value#* }
                _mw_jobs=${_mw_dir%% *} _mw_dir=${_mw_dir#* }
                case $_mw_ceiling in -) _mw_ceiling= ;; esac
                case $_mw_jobs in -) _mw_jobs= ;; esac
                _mw_dir=${_mw_dir%.}
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
    _mw_open --fresh ${_mw_dir:+"--leaving=$_mw_dir"} || return
    # The tasks of the run before are none of this one.
    while [ "$_mw_count" -gt 0 ]; do
        \eval "_mw_name=\$_mw_name_$_mw_count"
        _mw_make_key
        \eval "_mw_pid_$_mw_key="
        _mw_count=$((_mw_count - 1))
    done
}

# Runs a command of the program that is about this run.
_mw_call() {
    # To look at a run is no reason to open one where one is.
    if [ -z "$_mw_dir" ] && [ -e "${MEANWHILE_DIR:-/nonexistent}/journal" ]; then
        _mw_look=$MEANWHILE_DIR
    else
        [ -n "$_mw_dir" ] || _mw_open || return
        _mw_look=$_mw_dir
    fi
    case $_mw_mode in
        off)
            _mw_off_call "$@" || return
            return 0
            ;;
    esac
    _mw_verb=$1
    shift
    case $_mw_verb in
        report) set -- ${MEANWHILE_GROUPS:+"--groups=$MEANWHILE_GROUPS"} "$@" ;;
        status) ;;
        *) set -- ${_mw_scope:+"--in=$_mw_scope"} "$@" ;;
    esac
    "$_mw_bin" "$_mw_verb" "--dir=$_mw_look" "$@" || return
}
