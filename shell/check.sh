# shellcheck shell=bash disable=SC2016
# check.sh: tells `meanwhile check` which line of a bash script is next. Printed by
# `meanwhile init bash` under a check alone, behind all the rest. (No other shell
# has a trap for commands that the script would not notice: see docs/shells.md.)
#
# A DEBUG trap asks for a file that is never there; the tracer sees the name.
# That is one system call and no fork. It must not be noticed by the script:
# - `[[` sets neither $_ nor PIPESTATUS, and is true in any case, since with
#   extdebug a trap that fails makes bash skip the command;
# - its trace (set -x) goes to a closed descriptor. That stands at the `[[`
#   itself, so that no trap for a signal can run while it is closed;
# - functrace hands DEBUG to functions and subshells, but RETURN traps, too, and
#   a later DEBUG trap of the script's. So all is given up before the first command
#   that is about these, and not begun if the script has one of them.

# In a function it tells who called it from where as well, down to the script:
# `LINE<FUNCTIONS<FILES<LINES`, each with blanks between. Where functions are
# deep in each other, that would become long, and slow.

# What else is the glue's, beside _mw_*; and what a file's name is told without.
_mw_verbs=' async_init async_run async_runfunc async_wait async_get async_cancel async_status async_log async_pidof async_cleanup async_print_timing '
_mw_odd='[!A-Za-z0-9_.\/@:+~-]'

# What it does not speak of: what gives it up, what has no file, the glue.
_mw_line='[[ ${BASH_COMMAND-} != *trap*DEBUG* && ${BASH_COMMAND-} != *trap*RETURN*'
_mw_line=$_mw_line' && ${BASH_COMMAND-} != set\ *[-a-z]T* && ${BASH_COMMAND-} != *functrace*'
_mw_line=$_mw_line' && ( -z ${BASH_SOURCE-} || ${FUNCNAME-} == _mw_* || $_mw_verbs == *" ${FUNCNAME-} "*'
# In a function, and elsewhere. (Outside of all FUNCNAME is unset; BASH_LINENO is not.)
_mw_line=$_mw_line' || -n ${FUNCNAME-} && -z ${FUNCNAME[24]-} && -e "/.meanwhile-at/${BASH_SOURCE//$_mw_odd/_}:${LINENO-}<${FUNCNAME[@]}<${BASH_SOURCE[@]//$_mw_odd/_}<${BASH_LINENO[@]}"'
_mw_line=$_mw_line' || ( -z ${FUNCNAME-} || -n ${FUNCNAME[24]-} ) && -e "/.meanwhile-at/${BASH_SOURCE//$_mw_odd/_}:${LINENO-}"'
_mw_line=$_mw_line' || -n x ) ]] 2>&- || { set +T; \trap - DEBUG; } 2>&-'

case $-$(\trap -p DEBUG RETURN) in
    *T* | *trap*) ;;
    *)
        set -T
        # shellcheck disable=SC2064  # it is the text of the trap
        \trap "$_mw_line" DEBUG
        ;;
esac
