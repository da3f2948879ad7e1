# shellcheck shell=sh disable=SC2154,SC2034
# The glue is silent and changes nothing that is not its own.

hello() { echo hello; }

before=$-
ifs=$IFS
async_run quiet hello >noise 2>&1
if [ "$SCENARIO_MODE" = parallel ]; then check 'silent start' '' "$(cat noise)"; fi
async_wait quiet >/dev/null 2>noise
check 'silent wait' '' "$(cat noise)"
check 'options' "$before" "$-"
check 'IFS' "$ifs" "$IFS"

# Strange settings of the script.
IFS=x
async_run ifs_x hello
IFS=$ifs
check 'IFS=x' hello "$(live_or "$(IFS=x && async_wait ifs_x)" hello)"
set -C
async_run noclobber hello
async_wait noclobber >noclobber.out
set +C
set -f
async_run noglob hello
async_wait noglob >/dev/null
set +f
set -u
async_run nounset hello
async_wait nounset >/dev/null
trap 'echo trapped' EXIT
async_run trapless hello
check 'the EXIT trap is not for tasks' hello "$(live_or "$(async_wait trapless)" hello)"
trap - EXIT

# xtrace is the script's; what the glue does is not traced, what the task does is.
traced() { echo from-task; }
{
    set -x
    async_run traced traced
    case $- in *x*) still=yes ;; *) still=no ;; esac
    set +x
} 2>trace
check 'xtrace stays on' yes "$still"
# (mksh keeps tracing to where it began: three short lines show.)
check 'the glue is not traced' '' "$(grep _mw_ trace | grep -v -e '_mw_enter' -e '_mw_x=' -e '_mw_verb=' -e '_mw_depth=' || :)"
async_wait traced >traced.out
if [ "$SCENARIO_MODE" = parallel ]; then
    check 'the task is traced into its log' yes "$(grep -q 'echo from-task' traced.out && echo yes)"
fi

# A loop over one name.
i=0
while [ "$i" -lt 5 ]; do
    i=$((i + 1))
    async_run step hello
    async_wait step >/dev/null
done

# A bare `wait` does not hang on anything of ours.
async_run waited hello
wait
async_wait waited >/dev/null

# Loading the glue again keeps the run.
async_run across hello
eval "$(meanwhile init "$SCENARIO_SHELL")"
check 'loaded again' hello "$(live_or "$(async_wait across)" hello)"
