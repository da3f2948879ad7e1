# shellcheck shell=bash disable=SC2016 # backquotes are Markdown
# budgets.sh - one function for each budget; each prints its rows.

# 1. Many tasks, collected in one call.
budget_one_call() {
    local shell
    local -a COMMAND contenders=()
    for shell in "${SHELLS[@]}"; do
        contenders+=("tasks pair-$shell $shell bare-pair $TASKS last")
        contenders+=("tasks call-$shell $shell one-call $TASKS last")
    done
    contenders+=("tasks batch-bash bash bare-batch $TASKS last")
    in_turn "$ROUNDS" "${contenders[@]}"
    for shell in "${SHELLS[@]}"; do
        row_ratio "start and collect, no output, one \`async_wait\` for all: $shell" \
            '`f >log 2>&1 & wait $!`' "call-$shell" "pair-$shell" at-most 3
    done
    row_ratio 'the same: bash' 'all started with `&`, then all waited for' call-bash batch-bash none
}

# 2. One by one, with a line of output.
budget_one_by_one() {
    local shell
    local -a contenders=()
    for shell in "${SHELLS[@]}"; do
        contenders+=("tasks pair-line-$shell $shell bare-pair-line $TASKS last")
        contenders+=("tasks line-$shell $shell one-by-one-line $TASKS last")
    done
    in_turn "$ROUNDS" "${contenders[@]}"
    for shell in "${SHELLS[@]}"; do
        row_ratio "start and collect one by one, a line of output: $shell" \
            '`f >log 2>&1 & wait $!; cat log`' "line-$shell" "pair-line-$shell" at-most 1.5
    done
}

# 3. What async_run costs the foreground.
# clock: the time of each line that comes in, two to a line.
clock() {
    local before
    while read -r _; do
        before=$EPOCHREALTIME
        read -r _
        echo "$before $EPOCHREALTIME"
    done
}

foreground() {
    local name=$1 shell=$2 how=$3
    local -a COMMAND
    fresh
    shell_command "$shell" || return
    clock <"$BENCH_CLOCK" >>"$BENCH_STAMPS" &
    "${COMMAND[@]}" "$BENCH/scripts/foreground.sh" "$how" "$STARTS" >"$RUN/out" 2>&1 || {
        tail -n 3 -- "$RUN/out" >&2
        return 1
    }
    settle || return
    # The clock ends when no process holds its pipe any more.
    wait
    [[ $(wc -l <"$BENCH_STAMPS") == "$STARTS" ]] || return
    record "$name" "$(awk '{ print ($2 - $1) * 1e6 }' "$BENCH_STAMPS" | median)"
}

budget_foreground() {
    local shell
    local -a contenders=()
    for shell in "${SHELLS[@]}"; do
        contenders+=("foreground start-bare-$shell $shell bare")
        contenders+=("foreground start-$shell $shell async")
    done
    in_turn "$ROUNDS" "${contenders[@]}"
    for shell in "${SHELLS[@]}"; do
        row_ratio "\`async_run\`, a processor being free: $shell" '`f >log 2>&1 &`' \
            "start-$shell" "start-bare-$shell" at-most 1.5
    done
}

# 4. Many tasks: does the cost of one grow?
# many SIZE HOW: a run of SIZE tasks, or as many runs of FEW as take a while.
many() {
    local times=1 i
    [[ $1 == "$MANY" ]] || times=5
    case $2 in one-*) export BENCH_AFTER=$BENCH/scripts/after.sh ;; esac
    for ((i = 0; i < times; i++)); do
        tasks "$2-$1-raw" bash "$2" "$1" many || break
        [[ -z ${BENCH_AFTER-} ]] || count_codes "$1" || break
    done
    unset BENCH_AFTER
    ((i == times)) || return
    BARE_WRONG=$((BARE_WRONG + $(grep -c '^bare-batch: the code' "$RUN/err")))
    [[ $1 != "$MANY" || ! -r $RUN/watcher ]] || cp -- "$RUN/watcher" "$WORK/watcher-$2"
    record "$2-$1" "$(tail -n "$times" -- "$WORK/samples/$2-$1-raw" | median)"
}

# Whether meanwhile knows the right code of each task.
count_codes() {
    local right
    right=$(awk -F '[:,]' '
        /"name":/ { gsub(/[^0-9]/, "", $2); task = $2 }
        /"code":/ && $2 == task % 7 { right++ }
        END { print right + 0 }' "$RUN/status")
    CODES_RIGHT=$((CODES_RIGHT + right)) CODES_ASKED=$((CODES_ASKED + $1))
    [[ $right == "$1" ]] || fault "of $1 codes $right are right"
}

budget_many() {
    local how kilobytes
    CODES_RIGHT=0 CODES_ASKED=0 BARE_WRONG=0
    for how in bare-pair one-by-one bare-batch one-call; do
        # The small runs come before and after each large one.
        in_turn "$MANY_ROUNDS" "many $FEW $how" "many $MANY $how"
    done
    row_ratio "a task of $MANY, collected one by one" "one of $FEW" \
        "one-by-one-$MANY" "one-by-one-$FEW" at-most 1.3
    row_ratio 'the same with plain `&` and `wait`' "one of $FEW" \
        "bare-pair-$MANY" "bare-pair-$FEW" none
    row_ratio "a task of $MANY, collected in one call" "one of $FEW" \
        "one-call-$MANY" "one-call-$FEW" at-most 1.3
    row_ratio 'the same with `&` for all, then `wait` for all' "one of $FEW" \
        "bare-batch-$MANY" "bare-batch-$FEW" none
    for how in one-by-one one-call; do
        [[ -r $WORK/watcher-$how ]] || continue
        kilobytes=$(<"$WORK/watcher-$how")
        row "watcher: resident after $MANY tasks, ${how//-/ }" '' \
            "$(mebibytes "$kilobytes")" '' 'at most 6 MiB' "$(verdict "$kilobytes" at-most 6144)"
    done
    row 'wrong exit codes of plain `&` and `wait` there' 'tasks' \
        "$BARE_WRONG of $((MANY * MANY_ROUNDS))" '' '' ''
    ((CODES_ASKED == 0)) || row 'right exit codes in these runs (task i returns i % 7)' 'tasks' \
        "$CODES_RIGHT of $CODES_ASKED" '' 'all' "$(verdict "$CODES_RIGHT" at-least "$CODES_ASKED")"
}
