# shellcheck shell=sh disable=SC2016,SC2034,SC2069,SC2154
# sh.sh: the POSIX shells: dash, busybox ash, mksh, ksh93, yash.

_mw_shell='sh'

# A `wait` that a signal interrupts may see the task end and say 1 (ksh93, yash).
_mw_asked_code() {
    case $_mw_asked:$_mw_code in
        1:1) _mw_code=143 ;;
        *) _mw_signal_code ;;
    esac
}
case ${YASH_VERSION-} in
    ?*) _mw_normal() { _mw_asked_code; } ;;
esac

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
        _mw_normal() { _mw_asked_code; }
        _mw_find_tty
        _mw_start() { _mw_fork_group "$@"; }
        ;;
esac
