# shellcheck shell=sh disable=SC2034,SC2154,SC3030,SC3043,SC3044,SC3054,SC3057,SC3010,SC2296,SC2300,SC3060,SC2295
# zsh.sh: what zsh (5.0 and later) does better, or otherwise.

_mw_shell=zsh
# (While zsh reads a file by `source`, $0 is that file.)
_mw_script=${ZSH_ARGZERO:-$_mw_script}
_mw_untrap='\trap - ERR DEBUG'

# funcfiletrace is file:line of the callers: of this function, of its caller, of the verb.
_mw_where() {
    emulate -L zsh
    _mw_at=${funcfiletrace[3]-}
    _mw_at=${_mw_at//[^A-Za-z0-9_.\/@:+~-]/_}
}

_mw_encode() {
    emulate -L zsh
    _mw_key=${_mw_name//_/__}
    _mw_key=${_mw_key//./_d}
    _mw_key=${_mw_key//:/_c}
    _mw_key=${_mw_key//@/_a}
    _mw_key=${_mw_key//+/_p}
    _mw_key=${_mw_key//-/_m}
}

# Of a job that was stopped and went on, zsh's `wait` says so first, once for each
# time: 128 + the signal, and 255. Only then comes its code, and after that 127.
_mw_normal() {
    case $_mw_code in
        255 | 14[7-9] | 150)
            while
                _mw_next=0
                \wait "$_mw_child" 2>/dev/null || _mw_next=$?
                [ "$_mw_next" -ne 127 ]
            do _mw_code=$_mw_next; done
            ;;
    esac
}

# zsh makes background jobs nice by default; a task is no less wanted than its
# script.
_mw_start() {
    if [[ -o bgnice ]]; then
        unsetopt bgnice
        _mw_task_setup='setopt bgnice;'
        _mw_fork "$@"
        setopt bgnice
    else
        _mw_task_setup=
        _mw_fork "$@"
    fi
}

_mw_var_of() { _mw_typed_var; }
