# shellcheck shell=sh disable=SC2034,SC2069,SC2154
# sh.sh: the POSIX shells: dash, busybox ash, mksh, ksh93, yash.

_mw_shell='sh'

case ${KSH_VERSION-} in
    *'MIRBSD KSH'* | *'LEGACY KSH'*)
        # mksh has no printf of its own; an external one would be a fork and an exec.
        _mw_shell=mksh
        _mw_err_trap=yes
        _mw_start() { _mw_fork_group "$@"; }
        \eval "_mw_rs=\$'\\036'"
        _mw_append() { \print -r -- "$_mw_rs$_mw_up $1" >>"$_mw_dir/journal"; }
        _mw_say() { \print -r -- "$1" >&2; }
        _mw_words() {
            for _mw_rest in "$@"; do
                \print -nr -- "$_mw_rest"
                \print -n '\0'
            done
        }
        ;;
    *' 93'*)
        _mw_shell=ksh93
        _mw_err_trap=yes
        _mw_start() { _mw_fork_group "$@"; }
        # ksh93 runs ( … ) in its own process, where an exit or a kill of the
        # task would be the guard's; as a background job it is one of its own.
        _mw_task() {
            (
                _mw_scope=$_mw_id _mw_scope_stem=$_mw_stem
                case $_mw_capture in 1) exec 2>&1 >>"$_mw_dir/$_mw_stem.out" ;; *) exec 2>&1 ;; esac
                \eval "$_mw_set"
                "$@"
            ) &
            _mw_child=$!
            while
                \wait "$_mw_child"
                _mw_code=$?
                # A signal to the guard interrupts its wait.
                \kill -0 "$_mw_child" 2>/dev/null
            do :; done
        }
        ;;
esac
