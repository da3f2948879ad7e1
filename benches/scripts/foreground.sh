# shellcheck shell=sh disable=SC1091,SC2094,SC3028
# foreground.sh - what it costs a script to start a task while a processor is
# free: tasks are started a few at a time, with pauses, and only wait.
#
#   SHELL foreground.sh HOW N
#
# HOW is bare or async. For each start a line goes to the file BENCH_STAMPS:
# the time before and the time after. A shell without a clock asks the program
# BENCH_DATE, and then adds a line for each pair of questions with nothing
# between them, marked `empty`.

how=$1
count=$2

# A task ends when a line for it comes through the pipe.
exec 7<>"$BENCH_PIPE" 8>>"$BENCH_STAMPS"
hold() { read -r _ <&7; }

case $how in
    async)
        # shellcheck source=benches/scripts/load.sh
        . "${0%/*}/load.sh"
        async_init || exit
        ;;
esac
[ -z "${ZSH_VERSION-}" ] || zmodload zsh/datetime
cd "$BENCH_LOGS" || exit

start() {
    if [ -n "${EPOCHREALTIME-}" ]; then
        case $how in
            bare)
                before=$EPOCHREALTIME
                hold >"log.$i" 2>&1 &
                after=$EPOCHREALTIME
                ;;
            async)
                before=$EPOCHREALTIME
                async_run "t$i" hold
                after=$EPOCHREALTIME
                ;;
        esac
    else
        # The program itself writes the time: nothing else is forked.
        case $how in
            bare)
                "$BENCH_DATE" +%s.%N >before
                hold >"log.$i" 2>&1 &
                "$BENCH_DATE" +%s.%N >after
                ;;
            async)
                "$BENCH_DATE" +%s.%N >before
                async_run "t$i" hold
                "$BENCH_DATE" +%s.%N >after
                ;;
        esac
        read -r before <before
        read -r after <after
    fi
    echo "$before $after" >&8
    [ -n "${EPOCHREALTIME-}" ] && return
    "$BENCH_DATE" +%s.%N >before
    "$BENCH_DATE" +%s.%N >after
    read -r before <before
    read -r after <after
    echo "$before $after empty" >&8
}

i=0
while [ "$i" -lt "$count" ]; do
    set --
    for _ in 1 2 3 4; do
        i=$((i + 1))
        sleep 0.01
        start
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
