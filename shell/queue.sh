# shellcheck shell=sh disable=SC3044,SC2015,SC2030,SC2031,SC2034,SC2154
# queue.sh: what a guard does for a task that has to ask before it begins, may
# be tried again, or exports variables. All of it runs in the guard or in the
# task, but for _mw_import.

# Blocks until the task may begin; else records its end. What it is granted
# is held by whoever has the file open: this guard, and not its task.
_mw_admit() {
    _mw_free_fd
    [ -d "$_mw_dir" ] || _mw_fd=
    _mw_code=125
    case $_mw_fd in
        '') _mw_put "meanwhile: $_mw_id: cannot queue: the run directory is gone, or none of the descriptors 3 to 9 is free$_mw_nl" ;;
        *)
            _mw_code=0
            \eval "exec $_mw_fd<>\"\$_mw_dir/locks\""
            _mw_whoami
            _mw_token=$(exec "$_mw_bin" __admit "$_mw_dir" "$_mw_id" "$_mw_fields" "$_mw_self" \
                <&"$_mw_fd" 2>>"$_mw_dir/$_mw_stem.log") || _mw_code=$?
            _mw_signal_code
            ;;
    esac
    case $_mw_code:$_mw_fields in
        0:*) return 0 ;;
        12[2-4]:* | 1[3-9]?:* | 2??:* | *' after='* | *' lock='*) ;;
        # Of no use is only the limit on how many run at once.
        *)
            _mw_clock
            _mw_append "begin $_mw_id idle=$_mw_idle"
            return 0
            ;;
    esac
    case $_mw_code in 12[67]) _mw_code=125 ;; esac
    _mw_clock
    _mw_append "end $_mw_id code=$_mw_code idle=$_mw_idle"
    exit "$_mw_code"
}

# Sets _mw_fd to a descriptor that is not in use (a digit: dash knows no others).
_mw_free_fd() {
    _mw_fd=
    # (In yash the loop's variable is the function's own.)
    for _mw_rest in 9 8 7 6 5 4 3; do
        [ -L "/proc/self/fd/$_mw_rest" ] || _mw_fd=$_mw_rest
    done
}

# In the task: what is otherwise for another attempt, and for a queued one.
_mw_prepare() {
    case $_mw_part in ?*) exec >>"$_mw_dir/$_mw_stem$_mw_part.log" ;; esac
    case $_mw_fd in ?*) _mw_share ;; esac
}

# In the task: lets go of what the guard holds, and lets programs that know
# GNU make's jobserver take part in the run's. (make before 4.4 wants
# descriptors; those of a task around this one do as well.)
_mw_share() {
    _mw_pass=
    \eval "exec $_mw_fd>&-"
    case $_mw_jobs:$_mw_shared in
        :* | *[!0-9]*:* | *:"$_mw_dir") return 0 ;;
    esac
    # (A redirection of `exec` that fails ends some shells.)
    [ -p "$_mw_dir/jobs" ] || return 0
    \eval "exec $_mw_fd<>\"\$_mw_dir/jobs\""
    _mw_shared=$_mw_fd
    _mw_free_fd
    [ -n "$_mw_fd" ] || return 0
    \eval "exec $_mw_fd<>\"\$_mw_dir/jobs\""
    MAKEFLAGS="${MAKEFLAGS-} -j --jobserver-auth=$_mw_shared,$_mw_fd"
    case $_mw_private in 1) _mw_pass="$_mw_shared<>\"\$_mw_dir/jobs\" $_mw_fd<>\"\$_mw_dir/jobs\"" ;; esac
    _mw_shared=$_mw_dir
    export MAKEFLAGS
}

# Sets _mw_caught to the signals that the guard of a task with --retries may
# catch: what the script ignores it must leave ignored, for the attempts to come.
_mw_heed() {
    _mw_caught=
    while \read -r _mw_rest; do
        case $_mw_rest in
            SigIgn:*)
                _mw_rest=$((0x${_mw_rest##*[!0-9a-fA-F]}))
                [ $((_mw_rest & 1)) -ne 0 ] || _mw_caught="$_mw_caught HUP"
                [ $((_mw_rest & 2)) -ne 0 ] || _mw_caught="$_mw_caught INT"
                [ $((_mw_rest & 16384)) -ne 0 ] || _mw_caught="$_mw_caught TERM"
                ;;
        esac
    done </proc/self/status
}

# Whether the task, which failed, is tried again; sets what its files are called then.
_mw_again() {
    [ "$_mw_attempt" -le "$_mw_retries" ] || return 1
    "$_mw_bin" __again "$_mw_dir" "$_mw_id" "$_mw_code" || return 1
    _mw_attempt=$((_mw_attempt + 1))
    _mw_part=,$_mw_attempt
}

# ---- variables that a task exports -----------------------------------------

# Checks the names of --export, and puts one space around each.
_mw_check_export() {
    _mw_rest=$_mw_export _mw_export=' '
    while [ -n "$_mw_rest" ]; do
        _mw_name=${_mw_rest%%[ ,]*}
        case $_mw_name in
            '') ;;
            [!A-Za-z_]* | *[!A-Za-z0-9_]* | _mw_*)
                _mw_usage "--export: \`$_mw_name' is not a variable's name" || return
                ;;
            *[A-Za-z_]*)
                # An assignment to a readonly one would end some shells.
                (\eval "$_mw_name=") 2>/dev/null ||
                    _mw_usage "--export: $_mw_name is readonly" || return
                _mw_export="$_mw_export$_mw_name "
                ;;
        esac
        _mw_rest=${_mw_rest#"$_mw_name"}
        _mw_rest=${_mw_rest#?}
    done
}

# In the task, when it ends: writes down the variables. The last line tells
# that nothing is missing.
_mw_save() {
    {
        set +x
    } 2>/dev/null
    set +eu
    _mw_vars >|"$_mw_keep_in"
}

_mw_vars() {
    _mw_rest=${_mw_keep# }
    while [ -n "$_mw_rest" ]; do
        _mw_name=${_mw_rest%% *} _mw_rest=${_mw_rest#* }
        _mw_var_of
    done
    _mw_say_out '#'
}

# Prints the variable _mw_name as an assignment.
_mw_var_of() { _mw_plain_var; }

_mw_plain_var() {
    \eval "_mw_value=\${$_mw_name-} _mw_set=\${$_mw_name+set}"
    case $_mw_set in
        '') _mw_say_out "\\unset $_mw_name" ;;
        *)
            _mw_quote
            _mw_say_out "$_mw_name=$_mw_quoted"
            ;;
    esac
}

# The same where `typeset -p` prints arrays (bash, zsh): `declare -a NAME=(…)`,
# `typeset -g -A NAME=( … )`. In a function that would make a variable of the
# function's own; the assignment alone does not.
_mw_typed_var() {
    _mw_value=$(\typeset -p "$_mw_name" 2>/dev/null) || :
    _mw_quoted=${_mw_value#*" $_mw_name="}
    case $_mw_value in *" $_mw_name="*) ;; *) _mw_quoted='()' ;; esac
    # Only what stands before the name is about its kind.
    case ${_mw_value%%" $_mw_name"*} in
        *-*n*) _mw_plain_var ;; # another name for a variable: that one's value
        *-*A*) _mw_say_out "_mw_kind $_mw_name A; $_mw_name=$_mw_quoted" ;;
        *-*a*) _mw_say_out "_mw_kind $_mw_name a; $_mw_name=$_mw_quoted" ;;
        *)
            # (zsh prints PATH as the array that it is tied to.)
            case $_mw_value in
                *" $_mw_name="*) _mw_say_out "_mw_kind $_mw_name; $_mw_name=$_mw_quoted" ;;
                *) _mw_plain_var ;;
            esac
            ;;
    esac
}

# Makes a variable one of another kind, if it is: an associative array (A),
# an array (a), or neither.
_mw_kind() {
    _mw_rest=$(\typeset -p "$1" 2>/dev/null) || :
    _mw_set=
    case ${_mw_rest%%" $1"*} in
        *-*A*) _mw_set=A ;;
        *-*a*) _mw_set=a ;;
    esac
    [ "$_mw_set" = "${2-}" ] || [ -z "$_mw_rest" ] || \unset "$1"
    case ${2-}:$_mw_set in
        A:A) ;;
        A:*) \typeset -gA "$1" ;;
    esac
}

# Sets _mw_quoted to _mw_value between quotes.
_mw_quote() {
    _mw_quoted=
    while :; do
        case $_mw_value in
            *\'*)
                _mw_quoted=$_mw_quoted${_mw_value%%\'*}"'\\''"
                _mw_value=${_mw_value#*\'}
                ;;
            *) break ;;
        esac
    done
    _mw_quoted="'$_mw_quoted$_mw_value'"
}

# In the script, when it has collected _mw_name: takes its variables over.
# (Of a step that ran here, they are in a variable.) Sets _mw_unset if it cannot.
_mw_import() {
    \eval "_mw_rest=\${_mw_exported_$_mw_key-} _mw_value=\${_mw_vars_$_mw_key-}"
    case $_mw_rest in '') return 0 ;; esac
    \eval "_mw_exported_$_mw_key= _mw_vars_$_mw_key="
    [ -n "$_mw_value" ] || [ ! -r "$_mw_dir/$_mw_rest.vars" ] ||
        _mw_value=$(\command cat "$_mw_dir/$_mw_rest.vars")
    case $_mw_value in
        *'#')
            # Tried first where it cannot end the script: it may assign to what is readonly by now.
            if (\eval "$_mw_value") >/dev/null 2>&1; then
                \eval "$_mw_value"
            else
                _mw_say "meanwhile: $_mw_name: its variables cannot be set: is one of them readonly?"
                _mw_unset=1
            fi
            ;;
        *)
            _mw_say "meanwhile: $_mw_name: the variables that it exports are not known"
            _mw_unset=1
            ;;
    esac
}
