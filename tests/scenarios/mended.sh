# shellcheck shell=sh disable=SC2154,SC2034,SC3047,SC3041
# Bugs that were once here.

hello() { printf 'hello %s\n' "$*"; }
fails() { return "$1"; }

# An ERR trap of the script printed into the value of async_get. (Under
# `set -E` it runs in the task as well: there it belongs in its output.)
case $SCENARIO_NAME in
    bash)
        set -E
        trap 'echo ERR' ERR
        value_of() {
            trap - ERR
            echo out
            exit 3
        }
        async_run --capture value value_of
        async_get value value || rc=$?
        trap - ERR
        set +E
        check 'ERR trap and get' 'out:3' "$value:$rc"
        ;;
esac

# async_get of a collected task emptied the variable.
async_run --capture again echo kept
async_wait again
async_get value again
check 'get after wait' kept "$value"
async_get value again
check 'get again' kept "$value"

# An unknown name was counted before a failure that stood first.
async_run bad fails 3
code async_wait bad nosuch
check 'first failure in order' 3 "$rc"
code async_wait nosuch bad
check 'unknown first' 127 "$rc"

# Empty variables are as none.
export MEANWHILE_DIR='' MEANWHILE_GRACE='' MEANWHILE_OUTPUT='' MEANWHILE_ON_EXIT=''
async_run empties hello empty
async_wait empties >/dev/null
async_status >/dev/null
async_cancel empties
unset MEANWHILE_DIR MEANWHILE_GRACE MEANWHILE_OUTPUT MEANWHILE_ON_EXIT

# NAME -- COMMAND
async_run dashes -- hello --
check 'name -- command' 'hello --' "$(live_or "$(async_wait dashes)" 'hello --')"
code async_run dashes --
check 'name -- nothing' 2 "$rc"

# async_init opens a fresh run; with tasks under way it is refused.
async_run before hello before
async_wait before >/dev/null
code async_init
check 'init' 0 "$rc"
code async_wait before
check 'a fresh run' 127 "$rc"
if [ "$SCENARIO_MODE" = parallel ]; then
    async_run long sleep 1000
    code async_init
    check 'init with a task under way' 125 "$rc"
    async_cancel long
    code async_wait long
    check 'the run is as it was' 143 "$rc"
fi

# Settings that cannot be are refused before anything starts.
code sh -c "eval \"\$(meanwhile init sh)\"; MEANWHILE_ON_EXIT=bogus; async_run x touch started"
check 'bogus setting' 2 "$rc"
check 'nothing started' no "$([ -e started ] && echo yes || echo no)"

# dash lost the first line of `eval -- "$(…)"`.
case $SCENARIO_SHELL in
    sh)
        eval -- "$(meanwhile init sh)"
        async_run after_eval hello eval
        async_wait after_eval >/dev/null
        ;;
esac

# errexit that has no effect in a condition is told, where a shell can tell.
case $SCENARIO_NAME:$SCENARIO_MODE in
    bash:* | zsh:* | mksh:* | ksh93:*)
        stops() {
            false
            echo 'went on'
        }
        async_run inert stops || exit 9
        message=$(async_wait inert 2>&1 >/dev/null) || :
        case $message in *'errexit had no effect'*) found=yes ;; *) found=$message ;; esac
        check 'errexit without effect' yes "$found"
        ;;
esac

# A name was accepted twice while the first start of it was still young.
i=0
while [ "$i" -lt 10 ]; do
    i=$((i + 1))
    (async_run "young$i" hello first)
    code async_run "young$i" hello second
    check "a young name is taken ($i)" 2 "$rc"
    async_wait --quiet "young$i"
done

# The strict IFS of many scripts hid --any from the glue.
ifs=$IFS
IFS="$nl	"
async_run any_one hello one
ASYNC_NAME=stale
async_wait --any any_one >/dev/null
check 'any under a strict IFS' any_one "$ASYNC_NAME"
IFS=
async_run any_two hello two
async_wait --any any_two >/dev/null
check 'any under an empty IFS' any_two "$ASYNC_NAME"
IFS=$ifs
inner_any() {
    async_run inner hello inner
    async_wait --any >/dev/null
    echo "$ASYNC_NAME"
}
async_runfunc inner_any
check 'any inside a task' inner "$(live_or "$(async_wait inner_any | tail -n 1)" inner)"

# Signals: what the script ignores stays ignored; the guard passes them on.
# (zsh forgets that in every background job.)
case $SCENARIO_NAME in
    zsh) ;;
    *)
        trap '' HUP
        survives() {
            sh -c 'kill -HUP $$; echo survived'
        }
        async_runfunc survives
        check 'an ignored signal' survived "$(live_or "$(async_wait survives)" survived)"
        trap - HUP
        ;;
esac
# (mksh takes a signal only when the program that it waits for has ended.)
case $SCENARIO_MODE:$SCENARIO_NAME in
    serial:* | *:mksh) ;;
    *)
        async_run sleeps sleep 1000
        kill "$(async_pidof sleeps)"
        code async_wait sleeps
        check 'kill of its pid' 143 "$rc"
        ;;
esac

# A verb inside a trap changed the code and the xtrace of the verb it interrupted.
if [ "$SCENARIO_MODE" = parallel ]; then
    trap 'async_wait nobody 2>/dev/null || :' USR1
    mkfifo trap_gate
    gated() { read -r line <trap_gate; }
    async_runfunc gated
    (
        kill -USR1 $$
        echo go >trap_gate
    ) &
    code async_wait gated
    check 'a verb in a trap' 0 "$rc"
    trap - USR1
fi
