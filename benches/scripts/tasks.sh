# shellcheck shell=sh disable=SC1091
# tasks.sh - N tasks, started and collected in one way or another: what is
# measured, in bash, dash, zsh, busybox ash and mksh.
#
#   SHELL tasks.sh HOW N CODES
#
# HOW is bare-pair, bare-pair-line or bare-batch (plain `&` and `wait`), or
# one-call, one-by-one or one-by-one-line (meanwhile). CODES is `last`: only
# the last task fails, with 3; `many`: task I returns I % 7; or `none`. A code
# that comes out otherwise is named on standard error, and the exit code is 1.
#
# The times before and after go to the file BENCH_STAMPS; they come from the
# program BENCH_DATE in every shell, as not every shell has a clock. BENCH_AFTER
# is a program to run before the script ends.

how=$1
count=$2
codes=$3

quiet() { return "$1"; }
line() {
    echo "task $2 wrote this line"
    return "$1"
}

# Sets `code` to what task $i returns.
choose() {
    case $codes in
        many) code=$((i % 7)) ;;
        none) code=0 ;;
        *) [ "$i" -lt "$count" ] && code=0 || code=3 ;;
    esac
}

wrong=0
check() {
    choose
    [ "$1" -eq "$code" ] && return
    echo "$how: the code of task $i is $1, not $code" >&2
    wrong=1
}

stamp() { "$BENCH_DATE" +%s%N >>"$BENCH_STAMPS"; }

case $how in
    bare-*) cd "$BENCH_LOGS" || exit ;;
    *)
        # shellcheck source=benches/scripts/load.sh
        . "${0%/*}/load.sh"
        async_init || exit
        ;;
esac

# The names of one-call, made before the time starts.
# shellcheck disable=SC2046 # split: one name each
case $how in
    one-call) set -- $(seq -f 't%.0f' "$count") ;;
    *) set -- ;;
esac

stamp
i=0
while [ "$i" -lt "$count" ]; do
    i=$((i + 1))
    choose
    case $how in
        bare-pair)
            quiet "$code" >"log.$i" 2>&1 &
            wait "$!"
            check "$?"
            ;;
        bare-pair-line)
            line "$code" "$i" >"log.$i" 2>&1 &
            wait "$!"
            check "$?"
            cat "log.$i"
            ;;
        bare-batch)
            quiet "$code" >"log.$i" 2>&1 &
            set -- "$@" "$!"
            ;;
        one-call)
            async_run "t$i" quiet "$code"
            ;;
        one-by-one)
            async_run "t$i" quiet "$code"
            async_wait "t$i"
            check "$?"
            ;;
        one-by-one-line)
            async_run "t$i" line "$code" "$i"
            async_wait "t$i"
            check "$?"
            ;;
    esac
done
case $how in
    bare-batch)
        i=0
        for pid in "$@"; do
            i=$((i + 1))
            wait "$pid"
            check "$?"
        done
        # A shell does lose some, once pids are used again; it is not at fault here.
        wrong=0
        ;;
    one-call)
        async_wait "$@"
        got=$?
        # Of many failures the code is the first one's.
        case $codes in many) i=1 ;; esac
        check "$got"
        ;;
esac
stamp

[ -z "${BENCH_AFTER-}" ] || "$BENCH_AFTER" || wrong=1
exit "$wrong"
