# shellcheck shell=sh disable=SC2154,SC2034,SC2317
# The options of a task: in every shell, in parallel as serially.

says() {
    echo "$1"
    return "${2:-0}"
}

# --after: in order; a failure skips what depends on it, and that in turn.
order() { echo "$1" >>order; }
slow() {
    sleep 0.2
    order slow
}
async_runfunc slow
async_run --after slow next order next
async_run --after slow,next --after=next last order last
async_wait slow next last
check 'after: the order' "slow next last" "$(tr '\n' ' ' <order | sed 's/ $//')"
async_run bad says bad 3
async_run --after bad skipped order skipped
async_run --after skipped too order too
code async_wait --quiet bad
check 'after: the failure' 3 "$rc"
message=$(async_wait too 2>&1) && rc=0 || rc=$?
check 'after: skipped' 123 "$rc"
case $message in *'skipped, since bad failed with 3'*) found=yes ;; *) found=$message ;; esac
check 'after: names the root' yes "$found"
code async_wait skipped
check 'after: skipped, too' 123 "$rc"
check 'after: nothing ran' "slow next last" "$(tr '\n' ' ' <order | sed 's/ $//')"
async_run --after slow again order again
code async_wait again
check 'after one that was collected' 0 "$rc"

# Unknown names and circles start nothing.
code async_run --after nobody x touch started
check 'after: unknown' 2 "$rc"
message=$(async_run --after slwo x touch started 2>&1) || :
case $message in *'did you mean slow?'*) found=yes ;; *) found=$message ;; esac
check 'after: did you mean' yes "$found"
message=$(async_run --after itself itself touch started 2>&1) && rc=0 || rc=$?
check 'after itself' 2 "$rc"
case $message in *'itself waits for itself'*) found=yes ;; *) found=$message ;; esac
check 'after itself: the circle' yes "$found"
inner() {
    async_run --after outer x touch started 2>/dev/null && rc=0 || rc=$?
    echo "inner $rc"
}
async_run outer inner
out=$(async_wait outer 2>/dev/null)
check 'after the task around it' 'inner 2' "$(live_or "$out" 'inner 2')"

# --lock: never two at once.
alone() {
    mkdir alone || return 1
    sleep 0.05
    rmdir alone
}
for n in 1 2 3 4; do async_run --lock l "alone$n" alone; done
async_run --lock "m,l" alone5 alone
code async_wait alone1 alone2 alone3 alone4 alone5
check 'lock' 0 "$rc"
nested() {
    async_run --lock l in1 alone
    async_run --lock l in2 alone
    async_wait in1 in2
}
async_run --lock l nested nested
code async_wait nested
check 'lock: inside of its holder' 0 "$rc"

# --timeout: 124, and the task is gone.
async_run --timeout 0.2 endless sleep 1000
code async_wait endless
check 'timeout' 124 "$rc"
async_run --timeout 1000 brief says brief
code async_wait --quiet brief
check 'timeout: in time' 0 "$rc"
case $(async_status) in *'timed out'*) found=yes ;; *) found=no ;; esac
check 'timeout: state' yes "$found"

# --retries: every attempt's log is kept, the last is replayed.
flaky() {
    echo x >>tries
    n=$(wc -l <tries)
    echo "try $((n))"
    [ "$n" -ge 3 ]
}
async_run --retries 5 flaky flaky
out=$(async_wait flaky) && rc=0 || rc=$?
check 'retries: in the end' 0 "$rc"
check 'retries: the last log' 'try 3' "$(live_or "$out" 'try 3')"
check 'retries: the first log' 'try 1' "$(async_log --attempt 1 flaky)"
check 'retries: the second log' 'try 2' "$(async_log --attempt 2 flaky)"
code async_log --attempt 4 flaky
check 'retries: no such attempt' 2 "$rc"
rm tries
async_run --retries 1 --capture short flaky
code async_get value short
check 'retries: used up' 1 "$rc"
check 'retries: the last output' 'try 2' "$value"

rm tries
MEANWHILE_RETRIES=2 MEANWHILE_TIMEOUT=1000
async_run by_setting flaky
unset MEANWHILE_RETRIES MEANWHILE_TIMEOUT
code async_wait --quiet by_setting
check 'retries: by the variable' 0 "$rc"
MEANWHILE_TIMEOUT=soon
code async_run x touch started
unset MEANWHILE_TIMEOUT
check 'timeout: a wrong variable' 2 "$rc"

# --export: values reach the script when the task is collected, and not before.
one=old two=old gone=old other=old
sets() {
    one="it's \$HOME
second  line" two='' other=new
    unset gone
}
async_run --export "one two" --export=gone sets sets
code async_wait sets
check 'export' "it's \$HOME${nl}second  line|||old" "$one|$two|${gone-}|$other"
fails_after() {
    one='was set'
    exit 4
}
async_run --export one fails_after fails_after
code async_wait fails_after
check 'export: of a task that fails' '4 was set' "$rc $one"
code async_run --export 'one;x' x touch started
check 'export: no name' 2 "$rc"
if [ "$SCENARIO_NAME" = bash ] || [ "$SCENARIO_NAME" = zsh ]; then
    # (In eval, since the other shells would not read it.)
    eval '
    array=(old)
    arrays() {
        array=("two  words" "" "*" "a
b")
        typeset -gA map 2>/dev/null || declare -gA map
        map[key]="a value"
    }
    async_run --export "array map" arrays arrays
    async_wait arrays
    check "export: an array" "4 two  words||*|a${nl}b" \
        "${#array[@]} $(IFS="|" && echo "${array[*]}")"
    check "export: a map" "a value" "${map[key]}"
    '
fi

# --live: lines with the task's name on standard error; the replay stays.
async_run --live live says 'a line' 2>live.err
out=$(async_wait live)
check 'live: the replay' 'a line' "$(live_or "$out" 'a line')"

# Values are checked before anything starts.
for bad in --timeout=soon --retries=-1 --retries=x --after=a/../b '--lock=a b'; do
    code async_run "$bad" x touch started
    check "bad option <$bad>" 2 "$rc"
done
code async_run --after
check 'an option without its value' 2 "$rc"
check 'nothing was started' no "$([ -e started ] && echo yes || echo no)"

# What a task started and did not collect is told when it is collected.
leaves() {
    async_run child says child
}
async_run leaves leaves
message=$(async_wait leaves 2>&1)
case $message in *'never collected its tasks: leaves/child'*) found=yes ;; *) found=$message ;; esac
check 'uncollected children' yes "$found"

# Tasks that wait for each other are told so, and do not hang.
if [ "$SCENARIO_MODE" = parallel ]; then
    mutual() { async_wait "$1"; }
    mkfifo go
    first() {
        read -r line <go
        async_wait second
    }
    async_run first first
    async_run second mutual first
    echo go >go
    message=$(async_wait first 2>&1) && rc=0 || rc=$?
    check 'a circle of waits' 2 "$rc"
    code async_wait --quiet second
    check 'a circle of waits: the other' 2 "$rc"
fi
