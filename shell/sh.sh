# shellcheck shell=sh disable=SC2016,SC2034,SC2069,SC2154
# sh.sh: the POSIX shells: dash, busybox ash, mksh, ksh93, yash.

_mw_shell='sh'

case ${KSH_VERSION-} in
    *'MIRBSD KSH'* | *'LEGACY KSH'*)
        # mksh has no printf of its own; an external one would be a fork and an exec.
        _mw_shell=mksh
        _mw_private=1
        _mw_untrap='\trap - ERR'
        _mw_find_tty
        _mw_start() { _mw_fork_group "$@"; }
        \eval "_mw_rs=\$'\\036'"
        _mw_append() { \print -r -- "$_mw_rs$_mw_up $1" >>"$_mw_dir/journal"; }
        _mw_say() { \print -r -- "$1" >&2; }
        _mw_put() { \print -nr -- "$1"; }
        _mw_say_out() { \print -r -- "$1"; }
        _mw_words() {
            for _mw_rest in "$@"; do
                \print -nr -- "$_mw_rest"
                \print -n '\0'
            done
        }
        ;;
    *' 93'*)
        _mw_shell=ksh93
        _mw_private=1
        _mw_untrap='\trap - ERR DEBUG'
        # A `wait` that a signal interrupts may see the task end and say 1.
        _mw_pass_on='_mw_asked=1; \kill "$_mw_child"'
        _mw_asked=
        _mw_normal() {
            case $_mw_asked:$_mw_code in
                1:1) _mw_code=143 ;;
                *:25[6-9] | *:2[6-9]? | *:3??) _mw_code=$((_mw_code - 128)) ;;
            esac
        }
        _mw_find_tty
        _mw_start() { _mw_fork_group "$@"; }
        ;;
esac
