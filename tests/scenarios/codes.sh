# shellcheck shell=sh disable=SC2016,SC2154,SC2034,SC2317
# Exit codes are true, whatever way a task ends; errexit holds inside.

returns() { return 3; }
exits() { exit 4; }
execs() { exec sh -c 'exit 5'; }
traps() {
    trap 'exit 6' EXIT
    exit 0
}
unset_variable() {
    set -u
    echo "$no_such_variable"
    echo unreachable
}
# shellcheck disable=SC2086
asserts() {
    : ${no_such_variable:?}
    echo unreachable
}
killed() {
    sh -c 'kill -9 $PPID'
    echo unreachable
}
terminated() {
    sh -c 'kill -TERM $PPID'
    echo unreachable
}

for task in returns exits execs traps unset_variable asserts killed terminated; do
    async_runfunc "$task"
done
code async_wait returns
check 'return' 3 "$rc"
code async_wait exits
check 'exit' 4 "$rc"
code async_wait execs
check 'exec' 5 "$rc"
code async_wait traps
check 'own EXIT trap' 6 "$rc"
code async_wait unset_variable
check 'set -u error' failed "$([ "$rc" -ne 0 ] && echo failed)"
code async_wait asserts
check '${x:?}' failed "$([ "$rc" -ne 0 ] && echo failed)"
code async_wait killed
check 'kill -9' 137 "$rc"
code async_wait terminated
check 'kill -TERM' 143 "$rc"

# Codes at the borders, and those that meanwhile uses itself.
for n in 0 1 2 123 124 125 126 127 128 129 130 137 143 254 255; do
    async_run "code$n" sh -c "exit $n"
done
for n in 0 1 2 123 124 125 126 127 128 129 130 137 143 254 255; do
    code async_wait "code$n"
    check "code $n" "$n" "$rc"
done
async_run absent no-such-command-anywhere
code async_wait absent
check 'command not found' 127 "$rc"

# errexit is honoured inside tasks when the script has it, and not when not.
stops() {
    false
    echo 'went on'
}
set -e
async_run strict stops
out=$(async_wait strict 2>/dev/null) && rc=0 || rc=$?
check 'errexit: code' 1 "$rc"
check 'errexit: stopped' '' "$out"
set +e
async_run lax stops
out=$(async_wait lax)
check 'no errexit: code' 0 "$?"
check 'no errexit: went on' 'went on' "$(live_or "$out" 'went on')"
set -e
case $- in *e*) found=yes ;; *) found=no ;; esac
check 'the option is as it was' yes "$found"

# A task sees functions, variables and options of the script, as they are now.
variable='two  words'
sees() { printf '<%s>\n' "$variable"; }
async_runfunc sees
variable=changed
check 'variables' '<two  words>' "$(live_or "$(async_wait sees)" '<two  words>')"
assigns() { variable=lost; }
async_runfunc assigns
async_wait assigns
check 'a task cannot assign' changed "$variable"

# Standard input is empty; it is not the script's.
eats() { cat; }
async_runfunc eats
check 'stdin' '' "$(async_wait eats)"
