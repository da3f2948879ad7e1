# shellcheck shell=sh disable=SC2154,SC2034
# Tasks may start tasks; subshells may start and collect.

child() { echo "child of $1"; }
parent() {
    async_run inner child "$1"
    async_wait inner
    echo "parent $1"
}
async_run p1 parent one
async_run p2 parent two
expected="child of one${nl}parent one${nl}child of two${nl}parent two"
check 'nested' "$expected" "$(live_or "$(async_wait p1 p2)" "$expected")"
code async_wait p1/inner
check 'a nested task can be named from outside' 0 "$rc"

# A task can wait for a sibling; not for itself.
sibling() { async_wait first; }
async_run first child sibling
async_run second sibling
code async_wait second
check 'sibling' 0 "$rc"
itself() { async_wait itself; }
async_runfunc itself
code async_wait itself
check 'a task that waits for itself' 2 "$rc"

# Started in a subshell, collected outside of it.
(async_run from_sub child subshell)
check 'from a subshell' 'child of subshell' "$(live_or "$(async_wait from_sub)" 'child of subshell')"

# Collected in a subshell: then it is collected.
async_run by_sub child x
(async_wait by_sub >/dev/null)
check 'by a subshell' '' "$(async_wait by_sub)"
