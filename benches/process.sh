# shellcheck shell=bash disable=SC2016 # backquotes are Markdown
# process.sh - the budgets of single processes and of whole scripts.

# 5. Replay of a large log.
# timed NAME COMMAND…: records how long it takes.
timed() {
    local name=$1 before after
    shift
    now before
    "$@" || return
    now after
    record "$name" "$((after - before))"
}

# big_task: a run in RUN whose task `big` has ended, with a log of BYTES.
big_task() {
    local log
    fresh
    export MEANWHILE_DIR=$RUN/state/meanwhile/big
    "$MEANWHILE" start big -- "$BENCH/scripts/pattern.sh" "$BYTES" || return
    until "$MEANWHILE" status --json | grep -q '"state": "succeeded"'; do
        sleep 0.2
    done
    settle || return
    log=$MEANWHILE_DIR/big.log
    [[ $(stat -c %s -- "$log") == "$BYTES" ]] || return
    # What the kernel still has to write would fall into the measurement.
    sync -- "$log"
}

# shellcheck disable=SC2002 # the pipe is what is measured
replay_with_cat() { cat -- "$MEANWHILE_DIR/big.log" | cat >/dev/null; }
replay_with_replay() { "$MEANWHILE" wait big | cat >/dev/null; }

replay_round() {
    big_task || return
    # They read the same file; a task's log is replayed only once.
    local -a order=(replay cat)
    (($1 % 2)) || order=(cat replay)
    local which
    for which in "${order[@]}"; do
        calm
        timed "$which" "replay_with_$which" || return
    done
    rm -- "$MEANWHILE_DIR/big.log"
}

# The client's peak memory, asked for when all but the last bytes are out; and
# whether what came out is what went in.
replay_memory() {
    local pid="$WORK/client.pid"
    big_task || return
    # shellcheck disable=SC2016 # expanded by the inner shell
    sh -c 'echo "$$" >"$1"; exec "$2" wait big' sh "$pid" "$MEANWHILE" | {
        head -c "$((BYTES - 1048576))"
        grep VmHWM "/proc/$(<"$pid")/status" >"$WORK/client.memory"
        cat
    } | cmp - <("$BENCH/scripts/pattern.sh" "$BYTES") >&2
    [[ ${PIPESTATUS[*]} == '0 0 0' ]] || return
    rm -- "$MEANWHILE_DIR/big.log"
}

budget_replay() {
    local round size kilobytes free
    size=$(numfmt --to=iec "$BYTES")
    free=$(df --output=avail -B1 -- "$WORK" | tail -n 1)
    if ((free < 2 * BYTES)); then
        row_skipped "replay of a log of $size" "no room for it in ${WORK%/*}"
        return
    fi
    for ((round = 0; round < REPLAYS; round++)); do
        replay_round "$round" || fault "replay of a log of $size"
    done
    # A speed is the inverse of a time.
    row_ratio "speed of the replay of a log of $size" '`cat log`, both into a pipe' cat replay at-least 0.9
    if replay_memory; then
        kilobytes=$(awk '{ print $2 }' "$WORK/client.memory")
        row 'peak memory of that client' '' "$(mebibytes "$kilobytes")" '' 'below 10 MiB' \
            "$(verdict "$kilobytes" at-most 10239)"
        row 'that replay, byte for byte' '' 'the same' '' 'the same' met
    else
        fault "the replay of a log of $size differs from what the task wrote"
    fi
    unset MEANWHILE_DIR
}

mebibytes() { awk -v kilobytes="$1" 'BEGIN { printf "%.1f MiB", kilobytes / 1024 }'; }

# 6. The watcher.
# until_still PID: until a program that was just started sleeps or has ended.
until_still() {
    local stat
    while { read -r stat <"/proc/$1/stat"; } 2>/dev/null; do
        case $stat in
            *'(bash)'* | *') R '* | *') D '*) ;;
            *) return ;;
        esac
    done
}

# start NAME PROGRAM…: records how long it takes until the program has done
# what it does at its start; the median of some.
start() {
    local name=$1 i before after
    shift
    for ((i = 0; i < STARTS; i++)); do
        now before
        "$@" </dev/null &
        until_still "$!"
        now after
        kill "$!" 2>/dev/null
        wait "$!" 2>/dev/null
        echo "$((after - before))"
    done >"$WORK/times"
    record "$name" "$(median <"$WORK/times")"
}

budget_watcher() {
    local dir before after kilobytes
    fresh
    dir=$RUN/state/meanwhile/idle
    MEANWHILE_DIR=$dir "$MEANWHILE" start nap -- sleep 1000
    sleep 1
    if ! watcher_of "$dir"; then
        fault 'a run with a task has no watcher'
        return
    fi
    kilobytes=$(watcher_memory)
    before=$(watcher_switches)
    sleep "$IDLE"
    after=$(watcher_switches)
    row 'watcher: resident, one task running' '' "$(mebibytes "$kilobytes")" '' 'at most 6 MiB' \
        "$(verdict "$kilobytes" at-most 6144)"
    row "watcher: wake-ups in $IDLE s, one task running" '' "$((after - before))" '' 'none' \
        "$(verdict "$((after - before))" at-most 0)"
    # A second watcher of the same run does what the first one does.
    in_turn "$ROUNDS" "start watch $MEANWHILE __watch $dir" 'start empty /bin/true'
    row_ratio 'watcher: start, until it sleeps' '`/bin/true`, until it has ended' watch empty at-most 3
    MEANWHILE_DIR=$dir "$MEANWHILE" cancel nap
    MEANWHILE_DIR=$dir "$MEANWHILE" wait --quiet nap 2>/dev/null
    settle
}

# 7. Loading the functions.
# in_bash NAME CODE: the time that CODE takes in a bash of its own; the median
# of some.
in_bash() {
    local i
    for ((i = 0; i < STARTS; i++)); do
        bash --norc --noprofile -c "a=\$EPOCHREALTIME; $2; b=\$EPOCHREALTIME
            echo \$((\${b/./} - \${a/./}))" 2>/dev/null || return
    done >"$WORK/times"
    record "$1" "$(median <"$WORK/times")"
}
load() { in_bash load "eval -- \"\$('$MEANWHILE' init bash)\""; }
empty_program() { in_bash true /bin/true; }
open_run() {
    local i
    for ((i = 0; i < STARTS; i++)); do
        fresh
        BENCH_STAMPS=$WORK/opened bash --norc --noprofile -c "eval -- \"\$('$MEANWHILE' init bash)\"
            a=\$EPOCHREALTIME; async_init; b=\$EPOCHREALTIME; echo \$((\${b/./} - \${a/./}))" || return
        settle || return
    done >"$WORK/times"
    record open "$(median <"$WORK/times")"
}

budget_load() {
    in_turn "$ROUNDS" load empty_program open_run
    # These are not contenders: each belongs to a line of `true`.
    awk '{ print 2 * $1 + 2000 }' "$WORK/samples/true" >"$WORK/samples/allowed"
    row_ratio '`eval "$(meanwhile init bash)"`' '`/bin/true`' load true none
    row_ratio 'the same' 'twice `/bin/true` and 2 ms' load allowed at-most 1
    row_ratio '`async_init`, once for a script' '`/bin/true`' open true none
}

# 8. A script whose steps overlap perfectly.
overlap() {
    fresh
    timed "overlap-$1" "$BENCH/scripts/overlap.sh" "$1" || return
    settle
}

budget_overlap() {
    in_turn "$SCRIPTS" 'overlap async' 'overlap chain'
    row_ratio 'a script whose steps overlap perfectly' 'its longest chain alone' \
        overlap-async overlap-chain at-most 1.03
}

# How many processes a task takes: what a script of 20 tasks forks and executes
# more than one of 10.
# traced SHELL HOW N: sets FORKS and EXECS.
traced() {
    local -a COMMAND
    fresh
    shell_command "$1" || return
    strace -f -qq -o "$RUN/trace" -e trace=process "${COMMAND[@]}" \
        "$BENCH/scripts/tasks.sh" "$2" "$3" none >"$RUN/out" 2>&1 || return
    FORKS=$(grep -cE ' (clone|clone3|fork|vfork)\(' "$RUN/trace")
    EXECS=$(grep -cE 'execve.*\) += 0$' "$RUN/trace")
}

# per_task SHELL HOW: sets FORKS and EXECS to those of one task.
per_task() {
    local forks execs
    traced "$1" "$2" 10 || return
    forks=$FORKS execs=$EXECS
    traced "$1" "$2" 20 || return
    # Rounded: strace may lose one of many.
    FORKS=$(((FORKS - forks + 5) / 10)) EXECS=$(((EXECS - execs + 5) / 10))
}

budget_processes() {
    local shell forks execs measured met
    if ! type -P strace >/dev/null; then
        row_skipped 'processes of a task' 'strace is not installed'
        return
    fi
    for shell in "${SHELLS[@]}"; do
        if ! per_task "$shell" one-call; then
            row_skipped "processes of a task: $shell" 'strace cannot trace here'
            continue
        fi
        forks=$FORKS execs=$EXECS
        per_task "$shell" one-by-one || return
        measured="$forks and $execs; $((FORKS - forks)) and $((EXECS - execs))"
        met='**MISSED**'
        [[ $measured != '2 and 0; 1 and 1' ]] || met=met
        row "forks and execs of \`async_run\`; of \`async_wait\`: $shell" '' \
            "$measured" '' '2 and 0; 1 and 1' "$met"
    done
}
