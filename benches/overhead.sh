#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2034 # what it sources uses what it sets
#
# overhead.sh - what meanwhile costs, over plain `&` and `wait`, and over the
# peers. Everything is measured in this one run, in turn, and shown as ratios.
#
#   MEANWHILE=target/…/meanwhile benches/overhead.sh [--quick] [NAME…]
#
# NAME is one of one_call, one_by_one, foreground, processes, many, replay,
# watcher, load, overlap, check and peers; all by default. --quick takes about a minute; its numbers
# are for seeing that everything still runs. DEVSTACK_DIR may name a checkout of
# OpenStack's devstack: then its inc/async is among the peers.
#
# Exit code 0: everything was measured, budgets met or missed; 1: something is
# wrong (a lost code, wrong output, a tool that fails); 2: usage.
set -uo pipefail
export LC_ALL=C

BENCH=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=benches/lib.sh
. "$BENCH/lib.sh"
# shellcheck source=benches/scripts/watcher.sh
. "$BENCH/scripts/watcher.sh"
# shellcheck source=benches/budgets.sh
. "$BENCH/budgets.sh"
# shellcheck source=benches/process.sh
. "$BENCH/process.sh"
# shellcheck source=benches/check.sh
. "$BENCH/check.sh"
# shellcheck source=benches/peers.sh
. "$BENCH/peers.sh"

PARTS=(one_call one_by_one foreground processes many replay watcher load overlap check peers)

usage() {
    echo "usage: MEANWHILE=PROGRAM $0 [--quick] [${PARTS[*]}]" >&2
    exit 2
}

QUICK=
declare -a WANTED=()
for argument in "$@"; do
    case $argument in
        --quick) QUICK=1 ;;
        *)
            [[ " ${PARTS[*]} " == *" $argument "* ]] || usage
            WANTED+=("$argument")
            ;;
    esac
done
[[ ${#WANTED[@]} -gt 0 ]] || WANTED=("${PARTS[@]}")

if [[ -z $QUICK ]]; then
    PATIENCE=50 ROUNDS=15 TASKS=100 STARTS=20
    MANY=10000 FEW=100 MANY_ROUNDS=3
    SPAWNS=300 COMPILES=8
    REPLAYS=5 BYTES=$((1 << 30)) IDLE=5 SCRIPTS=7
    PEER_ROUNDS=5 PEER_TASKS=200 PEER_FEW=20
else
    PATIENCE=3 ROUNDS=3 TASKS=30 STARTS=8
    MANY=1000 FEW=100 MANY_ROUNDS=1
    SPAWNS=100 COMPILES=3
    REPLAYS=2 BYTES=$((1 << 26)) IDLE=2 SCRIPTS=2
    PEER_ROUNDS=2 PEER_TASKS=50 PEER_FEW=5
fi

MEANWHILE=$(type -P -- "${MEANWHILE:-meanwhile}") || usage
MEANWHILE=$(readlink -f -- "$MEANWHILE")
export MEANWHILE
# What the caller has set for meanwhile is not what is measured.
for variable in "${!MEANWHILE_@}" "${!BENCH_@}"; do
    unset "$variable"
done
for tool in flock awk cmp paste seq numfmt; do
    type -P -- "$tool" >/dev/null || {
        say "$tool is needed"
        exit 1
    }
done
BENCH_DATE=$(type -P date)
export BENCH_DATE
[[ $("$BENCH_DATE" +%N) =~ ^[0-9]{9}$ && -n ${EPOCHREALTIME-} ]] || {
    say 'bash 5 and a date that knows nanoseconds are needed'
    exit 1
}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/meanwhile-bench.XXXXXX") || exit
mkdir -p "$WORK/samples" "$WORK/home"
export HOME=$WORK/home

# Nothing stays: neither files nor processes. Whatever program was started here
# has WORK in its environment.
finish() {
    local status=$? pid
    trap - EXIT
    cd /
    for pid in $(started_here); do
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf -- "$WORK"
    exit "$status"
}
started_here() {
    local process pid
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        grep -qsaF -- "$WORK/" "$process/environ" && echo "$pid"
    done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The shells to measure in.
declare -a SHELLS=() COMMAND
for shell in bash dash zsh busybox mksh; do
    if shell_command "$shell"; then
        SHELLS+=("$shell")
    else
        say "$shell is not installed"
    fi
done

printf 'meanwhile %s, %s processors, %s %s%s\n\n' "$("$MEANWHILE" --version | awk '{ print $NF }')" \
    "$(nproc)" "$(uname -s)" "$(uname -r | cut -d - -f 1)" "${QUICK:+ (quick: for a look only)}"
header=
for part in "${WANTED[@]}"; do
    say "$part"
    if [[ $part == peers ]]; then
        table_of_peers
    else
        [[ -n $header ]] || head_of_budgets
        header=1
        "budget_$part"
    fi
done

printf '\n%s\n' "Of $ASKED measurements $BUSY began on a machine that something else kept busy."
mapfile -t left < <(started_here)
((${#left[@]} == 0)) || fault "${#left[@]} processes are left"
((${#FAULTS[@]} == 0)) || exit 1
