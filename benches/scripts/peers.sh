#!/usr/bin/env bash
# shellcheck disable=SC2317
# peers.sh TOOL N - N programs started in the background by a tool, all
# collected; the last one exits with 3. The last line says what was seen of it.

count=$2
program=$BENCH_LOGS/program
# shellcheck disable=SC2016
printf '#!/bin/sh\nexit "$1"\n' >"$program"
chmod +x "$program"
cd "$BENCH_LOGS" || exit

# Sets `code` to what the program of task $1 is told to exit with.
choose() { (($1 < count)) && code=0 || code=3; }

one-call() {
    local i names=()
    eval -- "$("$MEANWHILE" init bash)"
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        async_run "t$i" "$program" "$code"
        names+=("t$i")
    done
    async_wait "${names[@]}"
}

one-by-one() {
    local i first=0
    eval -- "$("$MEANWHILE" init bash)"
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        async_run "t$i" "$program" "$code"
    done
    for ((i = 1; i <= count; i++)); do
        async_wait "t$i" || first=$?
    done
    return "$first"
}

bare() {
    local i pid first=0 pids=()
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        "$program" "$code" >"log.$i" 2>&1 &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || first=$?
    done
    return "$first"
}

tsp() {
    local i id first=0 ids=()
    export TS_SOCKET=$BENCH_LOGS/socket TMPDIR=$BENCH_LOGS TS_MAXFINISHED=$((count + 1))
    command tsp -S "$count" || return
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        ids+=("$(command tsp "$program" "$code")")
    done
    for id in "${ids[@]}"; do
        command tsp -c "$id" || first=$?
    done
    command tsp -K
    return "$first"
}

nq() {
    local i
    export NQDIR=$BENCH_LOGS
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        command nq -q "$program" "$code"
    done
    command nq -w
}

xargs() {
    local i
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        echo "$code"
    done | command xargs -P "$count" -n 1 "$program"
}

parallel() {
    local i
    export PARALLEL_HOME=$BENCH_LOGS/parallel
    mkdir -p "$PARALLEL_HOME" && : >"$PARALLEL_HOME/will-cite"
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        echo "$code"
    done | command parallel -j "$count" "$program"
}

sem() {
    local i
    export PARALLEL_HOME=$BENCH_LOGS/parallel
    mkdir -p "$PARALLEL_HOME" && : >"$PARALLEL_HOME/will-cite"
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        command sem --id bench -j "$count" "$program" "$code"
    done
    command sem --id bench --wait
}

# The functions that inc/async needs, taken from the checkout one by one: the
# files that they are in do more than define them when they are loaded.
function_of() { eval "$(sed -n "/^function $2 {/,/^}/p" "$DEVSTACK_DIR/$1")"; }

devstack() {
    local i names=()
    export DEST=$BENCH_LOGS/dest
    export DEVSTACK_PARALLEL=True
    declare -gA _TIME_START=() _TIME_TOTAL=()
    die() { echo "$*" >&2 && exit 1; }
    function_of functions-common trueorfalse
    function_of functions-common time_start
    function_of functions-common time_stop
    function_of inc/ini-config ini_has_option
    function_of inc/ini-config iniget
    function_of inc/ini-config iniset
    # shellcheck source=/dev/null
    . "$DEVSTACK_DIR/inc/async"
    async_init
    for ((i = 1; i <= count; i++)); do
        choose "$i"
        async_run "t$i" "$program" "$code"
        names+=("t$i")
    done
    async_wait "${names[@]}"
}

"$1"
printf '\n%s\n' "$?"
