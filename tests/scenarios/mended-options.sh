# shellcheck shell=sh disable=SC2154,SC2034,SC2317,SC2016,SC2010,SC2329
# What was wrong once with the options of a task, in every shell.

# A lock alone is no jobserver.
async_run --lock l locked sh -c 'echo "flags: ${MAKEFLAGS-none}"'
check 'a lock makes no jobserver' 'flags: none' "$(live_or "$(async_wait locked)" 'flags: none')"

# A task that has tasks of its own exports its own variables.
outer() {
    async_run inner true
    async_wait inner
    value='from outer'
}
value=old
async_run --export value outer outer
async_wait outer
check 'export around a task' 'from outer' "$value"

# An attempt exports its own values, or none.
again() {
    if [ -e again ]; then
        value=second
        exec true
    fi
    : >again
    value=first
    return 1
}
value=old
async_run --export value --retries 1 again again
code async_wait again 2>/dev/null
# (mksh runs an EXIT trap before an `exec`.)
case $rc:$value in 125:old | 0:second) found=yes ;; *) found=$rc:$value ;; esac
check 'export of the last attempt alone' yes "$found"
rm again
set -C
nearly() {
    [ ! -e nearly ] || return 0
    : >nearly
    return 1
}
value=new
async_run --export value --retries 1 nearly nearly
code async_wait nearly
check 'export under noclobber' '0 new' "$rc $value"
set +C

# Values and their surroundings.
hostile() {
    value='@vars@x'"$nl"'#'
    other='a=/usr/bin:/opt/my-Apps -A'
}
async_run --export 'value other' hostile hostile
async_wait hostile
check 'a value that looks like ours' "@vars@x$nl#|a=/usr/bin:/opt/my-Apps -A" "$value|$other"
(
    readonly fixed=1
    code async_run --export fixed fixed touch started 2>/dev/null
    echo "$rc" >fixed.rc
)
check 'export of what is readonly is refused' 2 "$(cat fixed.rc)"
alias unset='echo ALIASED'
drops() { \unset value; }
value=there
async_run --export value drops drops
async_wait drops
unalias unset
check 'an alias of unset' gone "${value-gone}"
if [ "$SCENARIO_NAME" = bash ]; then
    eval '
    string=old
    sets() { string=/usr/bin:/opt/my-Apps; }
    async_run --export string sets sets
    async_wait sets
    check "a string stays one" "declare -- string=\"/usr/bin:/opt/my-Apps\"" "$(declare -p string)"
    target=orig
    declare -n named=target
    renames() { named=changed; }
    async_run --export named renames renames
    async_wait renames
    check "a name for another variable" changed "$target"
    unset -n named
    kind=(1 2 3)
    changes() { unset kind; kind=scalar; }
    async_run --export kind changes changes
    async_wait changes
    check "an array that becomes a string" "declare -- kind=\"scalar\"" "$(declare -p kind)"
    '
fi
if [ "$SCENARIO_NAME" = zsh ]; then
    eval '
    keep=$PATH
    longer() { PATH=/somewhere:$PATH; }
    async_run --export PATH longer longer
    async_wait longer
    check "a tied variable" "/somewhere:$keep" "$PATH"
    PATH=$keep
    '
fi

# Options under an odd IFS.
IFS=-ac
code async_run --capture --lock l captured echo captured
IFS=' 	'"$nl"
check 'options under IFS' 0 "$rc"
async_get value captured
check 'capture under IFS' captured "$value"

if [ "$SCENARIO_MODE" = parallel ]; then
    # Who asks a task to end does not ask for another attempt.
    asked() {
        echo x >>attempts
        : >begun
        exec sleep 1000
    }
    async_run --retries 3 asked asked
    while ! [ -e begun ]; do sleep 0.01; done
    kill "$(async_pidof asked)"
    code async_wait --quiet asked
    check 'asked to end: one attempt' 'x' "$(cat attempts)"

    # Cancelled before it began, it never does, whatever signals say.
    deaf() {
        trap '' TERM
        async_run --lock m holder sh -c ': >held; while ! [ -e free ]; do sleep 0.01; done'
        while ! [ -e held ]; do sleep 0.01; done
        async_run --lock m queued touch ran
        MEANWHILE_GRACE=0.1
        export MEANWHILE_GRACE
        async_cancel queued
        : >free
        async_wait holder
        code async_wait --quiet queued
        echo "$rc"
    }
    out=$(deaf 2>/dev/null)
    case $out in 143 | 137) found=yes ;; *) found=$out ;; esac
    check 'cancelled in the queue, deaf to TERM' yes "$found"
    check 'it never ran' no "$([ -e ran ] && echo yes || echo no)"
fi

# What the script ignores, each attempt ignores.
if [ "$SCENARIO_NAME" != zsh ]; then # which forgets it in every background job
    trap '' INT
    ignores() {
        [ -e ignores ] || {
            : >ignores
            return 3
        }
        sh -c 'kill -INT $$; echo survived'
    }
    async_run --retries 1 ignores ignores
    code async_wait --quiet ignores
    trap - INT
    check 'ignored in the second attempt, too' 0 "$rc"
fi
check 'nothing was started' no "$([ -e started ] && echo yes || echo no)"
