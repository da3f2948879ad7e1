# shellcheck shell=sh disable=SC1091,SC2034,SC3028
# foreground.sh - what it costs a script to start a task while a processor is
# free: tasks are started a few at a time, with pauses, and only wait.
#
#   SHELL foreground.sh HOW N
#
# HOW is bare or async. The times before and after each start go to the file
# BENCH_STAMPS, two to a line; where the shell has no clock they come from one
# that writes the time for each line it gets through the pipe BENCH_CLOCK.

how=$1
count=$2

[ -z "${ZSH_VERSION-}" ] || zmodload zsh/datetime
# A task ends when a line for it comes through the pipe.
exec 7<>"$BENCH_PIPE" 8>>"$BENCH_STAMPS" 9>"$BENCH_CLOCK"
hold() { read -r _ <&7; }

case $how in
    async)
        # shellcheck source=benches/scripts/load.sh
        . "${0%/*}/load.sh"
        async_init || exit
        ;;
esac
cd "$BENCH_LOGS" || exit

# Between the two times there is nothing but the start itself.
start_bare() {
    if [ -n "${EPOCHREALTIME-}" ]; then
        before=$EPOCHREALTIME
        hold >"log.$i" 2>&1 &
        after=$EPOCHREALTIME
        echo "$before $after" >&8
    else
        echo >&9
        hold >"log.$i" 2>&1 &
        echo >&9
    fi
}
start_async() {
    if [ -n "${EPOCHREALTIME-}" ]; then
        before=$EPOCHREALTIME
        async_run "t$i" hold
        after=$EPOCHREALTIME
        echo "$before $after" >&8
    else
        echo >&9
        async_run "t$i" hold
        echo >&9
    fi
}

i=0
while [ "$i" -lt "$count" ]; do
    set --
    for _ in 1 2 3 4; do
        i=$((i + 1))
        sleep 0.01
        "start_$how"
        set -- "$@" "t$i"
    done
    sleep 0.01
    for _ in "$@"; do
        echo go >&7
    done
    case $how in
        bare) wait ;;
        async) async_wait "$@" || exit ;;
    esac
done
