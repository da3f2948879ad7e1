# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# bash.sh: what bash (3.2 and later) does better than POSIX lets it.

_mw_shell=bash
_mw_find_tty

_mw_where() {
    _mw_at=${BASH_SOURCE[3]-}
    case $_mw_at in
        *[!A-Za-z0-9_./@:+~-]*) _mw_at=${_mw_at//[!A-Za-z0-9_.\/@:+~-]/_} ;;
    esac
    _mw_at=${_mw_at:+$_mw_at:${BASH_LINENO[2]-0}}
}

_mw_encode() {
    _mw_key=${_mw_name//_/__}
    _mw_key=${_mw_key//./_d}
    _mw_key=${_mw_key//:/_c}
    _mw_key=${_mw_key//@/_a}
    _mw_key=${_mw_key//+/_p}
    _mw_key=${_mw_key//-/_m}
}

# At each fork bash searches its table of jobs, which keeps those that have
# ended: at 10,000 a fork takes five times as long. `jobs` drops them; their
# codes stay to be asked for. (Not often: `wait -n` would miss a job of the
# script that ended before.)
_mw_start() {
    [ $(((_mw_count + 1) % 256)) -ne 0 ] || \jobs >/dev/null
    _mw_fork_group "$@"
}

# A trace that goes to another descriptor in the script belongs in the log here.
_mw_task_setup='case ${BASH_XTRACEFD-} in "") ;; *) BASH_XTRACEFD=2 ;; esac;'

_mw_untrap='\trap - ERR DEBUG'

_mw_whoami() {
    _mw_self=${BASHPID-}
    case $_mw_self in
        '')
            \read -r _mw_self </proc/self/stat
            _mw_self=${_mw_self%% *}
            ;;
    esac
}

_mw_var_of() { _mw_typed_var; }
