# shellcheck shell=sh disable=SC2154,SC2034
# Every verb, as the table in README.md has it.

hello() { printf 'hello %s\n' "$*"; }
fails() {
    echo "about to fail"
    return "$1"
}

# async_run starts functions, builtins and programs; async_wait replays whole
# and in the order given, and returns 0.
async_run prog env printf '%s\n' from-env
async_run fun hello world
async_run built echo builtin
async_runfunc hello self
out=$(async_wait built fun hello prog)
check 'replay in the order given' "builtin${nl}hello world${nl}hello self${nl}from-env" \
    "$(live_or "$out" "builtin${nl}hello world${nl}hello self${nl}from-env")"

# All are collected, then the first failure's code is returned.
async_run f1 fails 3
async_run ok hello ok
async_run f2 fails 4
code async_wait f1 ok f2
check 'first failure' 3 "$rc"
code async_wait f2
check 'again: the same code' 4 "$rc"
check 'again: nothing is replayed' '' "$(async_wait f2 2>/dev/null || :)"

# A mistyped name is 127 and gets a suggestion; the others are still collected.
async_run init_nova hello nova
message=$(async_wait init_noav 2>&1 >/dev/null) && rc=0 || rc=$?
check 'mistyped: code' 127 "$rc"
case $message in *'did you mean init_nova?'*) found=yes ;; *) found=$message ;; esac
check 'mistyped: did you mean' yes "$found"
code async_wait --if-started never_was init_nova
check 'if-started' 0 "$rc"

# A live or uncollected duplicate is refused; a collected name is free again.
async_run twice hello first
code async_run twice hello second
check 'duplicate' 2 "$rc"
async_wait twice >/dev/null
code async_run twice hello second
check 'free again' 0 "$rc"
check 'second start' 'hello second' "$(live_or "$(async_wait twice)" 'hello second')"

# --quiet, --all, --any, --timeout, --fail-fast
async_run q hello quiet
check 'quiet' '' "$(async_wait --quiet q)"
async_run a1 hello a1
async_run a2 fails 9
code async_wait --all >/dev/null
check 'all: code' 9 "$rc"
code async_wait --all
check 'all: none left' 0 "$rc"
code async_wait --any
check 'any: none left' 127 "$rc"
async_run quick hello quick
code async_wait --any
check 'any: code' 0 "$rc"
check 'any: name' quick "${ASYNC_NAME-}"

if [ "$SCENARIO_MODE" = parallel ]; then
    mkfifo gate
    blocked() { read -r line <gate && echo "$line"; }
    async_runfunc blocked
    async_run done_soon hello soon
    code async_wait --any
    check 'any: the one that ended' done_soon "${ASYNC_NAME-}"
    code async_wait --timeout 0.05 blocked
    check 'timeout' 124 "$rc"
    async_run bad fails 7
    code async_wait --fail-fast blocked bad
    check 'fail-fast: does not wait for the blocked one' 7 "$rc"
    pid=$(async_pidof blocked)
    code kill -0 "$pid"
    check 'pidof names a live process' 0 "$rc"
    echo open >gate
    check 'still collectable' open "$(async_wait blocked)"

    forever() {
        sleep 1000
        echo unreachable
    }
    async_runfunc forever
    async_cancel forever
    code async_wait forever
    check 'cancelled' 143 "$rc"
    async_run one forever
    async_run two forever
    async_cancel --all
    code async_wait one two
    check 'all cancelled' 143 "$rc"
fi
code async_cancel nobody
check 'cancel of nobody' 127 "$rc"

check 'pidof an unknown name' UNKNOWN "$(async_pidof nobody || :)"
code async_pidof nobody
check 'pidof an unknown name: code' 1 "$rc"

# async_get: standard output without its last newlines; its code.
both() {
    echo out
    echo err >&2
    return 5
}
async_run --capture both both
code async_get value both
check 'get: value' out "$value"
check 'get: code' 5 "$rc"
for n in 125 127 137 143; do
    async_run --capture "get$n" sh -c "echo out; exit $n"
    code async_get value "get$n"
    check "get: code $n" "$n:out" "$rc:$value"
done
async_run --capture multi printf 'a b\n\nc  d\n\n\n'
async_get value multi
check 'get: inner newlines' "a b$nl${nl}c  d" "$value"
code async_get 'bad-name' multi
check 'get: bad variable' 2 "$rc"

# A start inside a command substitution does not hold its output open.
# (ksh93 waits in a substitution for all that was started in it.)
case $SCENARIO_MODE:${KSH_VERSION-} in
    serial:* | *' 93'*) ;;
    *)
        check 'start in a substitution' '' "$(async_run substituted sleep 1000)"
        async_cancel substituted
        async_wait --quiet substituted || :
        ;;
esac

# async_log prints a log, async_status lists, async_cleanup names and collects.
async_run logged hello log
async_wait logged >/dev/null
check 'log' 'hello log' "$(async_log logged)"
case $(async_status) in *logged*succeeded*collected*) found=yes ;; *) found=no ;; esac
check 'status' yes "$found"
async_run forgotten hello forgotten
message=$(async_cleanup 2>&1 >/dev/null)
case $message in *'forgotten: never collected'*) found=yes ;; *) found=$message ;; esac
check 'cleanup names' yes "$found"
code async_wait --all
check 'cleanup collected' 0 "$rc"

# The summary: one line that says what it bought.
case $(async_print_timing) in 'meanwhile: '*) found=yes ;; *) found=no ;; esac
check 'summary' yes "$found"

# Wrong usage starts nothing.
for bad in '' 'a b' '../x' '-x' 'a/b' "a${nl}b" 'a~2' 'a%b' '.hidden'; do
    code async_run "$bad" touch started
    check "bad name <$bad>" 2 "$rc"
done
code async_run name_only
check 'no command' 2 "$rc"
code async_run
check 'no name' 2 "$rc"
code async_run --no-such-option x touch started
check 'unknown option' 2 "$rc"
code async_wait --no-such-option
check 'unknown option of wait' 2 "$rc"
check 'nothing was started' no "$([ -e started ] && echo yes || echo no)"
code async_run "$(printf '%0129d' 0)" echo
check 'name too long' 2 "$rc"
