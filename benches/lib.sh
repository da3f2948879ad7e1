# shellcheck shell=bash
# lib.sh - measuring in turn, and what comes out as a table.
#
# A sample is a number, appended to the file WORK/samples/NAME; round I of every
# contender is line I of its file. Only ratios of such lines are ever shown:
# what disturbs the machine for a while disturbs all contenders of a round.

say() { printf 'bench: %s\n' "$*" >&2; }

# What makes the bench itself fail: a lost code, wrong output, a broken tool.
declare -a FAULTS=()
fault() {
    FAULTS+=("$*")
    say "WRONG: $*"
}

# now VAR: microseconds.
now() {
    local time=$EPOCHREALTIME
    printf -v "$1" %s "${time/[.,]/}"
}

# record NAME NUMBER
record() { printf '%s\n' "$2" >>"$WORK/samples/$1"; }

# idle: whether the machine does next to nothing for a moment: of its
# processors' hundredths of a second at most one.
idle() {
    local user nice system before
    read -r _ user nice system _ </proc/stat
    before=$((user + nice + system))
    sleep 0.06
    read -r _ user nice system _ </proc/stat
    ((user + nice + system - before <= 1))
}

# calm: waits, for a while, until nothing else keeps the machine busy.
declare -i ASKED=0 BUSY=0
calm() {
    local i
    ASKED+=1
    for ((i = 0; i < PATIENCE; i++)); do
        ! idle || return 0
    done
    BUSY+=1
}

# in_turn ROUNDS 'FUNCTION ARG…'…: runs each once a round, a different one
# first in each. What fails is told, and tried no more.
in_turn() {
    local rounds=$1 round at count
    local -a contenders words
    shift
    contenders=("$@")
    count=$#
    for ((round = 0; round < rounds; round++)); do
        for ((at = 0; at < count; at++)); do
            calm
            read -ra words <<<"${contenders[(round + at) % count]}"
            if ! "${words[@]}"; then
                fault "${words[*]}"
                return 1
            fi
        done
    done
}

# shell_command SHELL: sets COMMAND to what runs a script in it; fails if it
# is not installed.
shell_command() {
    case $1 in
        busybox) COMMAND=(busybox sh) ;;
        zsh) COMMAND=(zsh -f) ;;
        *) COMMAND=("$1") ;;
    esac
    type -P -- "${COMMAND[0]}" >/dev/null
}

# A fresh place for one measured script: RUN, with the state directory in it.
# It stays to the end: for a while after many deletions ext4 makes new files
# slowly, as it passes over each inode that was in use just before.
declare -i RUNS=0
fresh() {
    RUNS+=1
    RUN=$WORK/run.$RUNS
    mkdir -p "$RUN/state" "$RUN/logs"
    export XDG_STATE_HOME=$RUN/state BENCH_LOGS=$RUN/logs BENCH_STAMPS=$RUN/stamps
    export BENCH_PIPE=$RUN/pipe BENCH_CLOCK=$RUN/clock
    mkfifo "$BENCH_PIPE" "$BENCH_CLOCK"
}

# Until the watchers of the scripts that ran in RUN are gone: what they still
# do must not fall into the next measurement.
settle() {
    local watcher
    for watcher in "$RUN"/state/meanwhile/*/watcher; do
        [[ ! -e $watcher ]] || flock -w 60 "$watcher" true || return
    done
}

# tasks NAME SHELL HOW N CODES: records the nanoseconds per task.
tasks() {
    local name=$1 how=$3 count=$4 codes=$5 expect=/dev/null
    local -a COMMAND
    fresh
    shell_command "$2" || return
    "${COMMAND[@]}" "$BENCH/scripts/tasks.sh" "$how" "$count" "$codes" \
        >"$RUN/out" 2>"$RUN/err" || {
        tail -n 3 -- "$RUN/err" >&2
        return 1
    }
    settle || return
    case $how in
        *-line)
            expect=$RUN/expect
            seq -f 'task %.0f wrote this line' "$count" >"$expect"
            ;;
    esac
    cmp -- "$RUN/out" "$expect" >&2 || return
    record "$name" "$(awk -v n="$count" '{ t[NR] = $1 } END { print (t[2] - t[1]) / n }' "$BENCH_STAMPS")"
}

# median: of the numbers on standard input.
median() {
    sort -g | awk '{ v[NR] = $1 }
        END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio NAME BASE: sets RATIO to the median over the rounds of NAME over BASE,
# SPREAD to the middle half of the rounds.
ratio() {
    local low high
    RATIO='' SPREAD=''
    [[ -s $WORK/samples/$1 && -s $WORK/samples/$2 ]] || return
    read -r low RATIO high < <(
        paste -- "$WORK/samples/$1" "$WORK/samples/$2" | awk 'NF == 2 { print $1 / $2 }' | sort -g |
            awk '
                function at(q,   x, i) {
                    x = 1 + q * (NR - 1)
                    i = int(x)
                    return i < NR ? v[i] + (x - i) * (v[i + 1] - v[i]) : v[NR]
                }
                { v[NR] = $1 }
                END { print at(0.25), at(0.5), at(0.75) }'
    )
    [[ -n $RATIO ]] || return
    printf -v SPREAD '%.3g to %.3g' "$low" "$high"
}

# verdict NUMBER at-most|at-least LIMIT: prints whether it is met.
verdict() {
    awk -v x="$1" -v how="$2" -v limit="$3" 'BEGIN {
        print (how == "at-most" ? x <= limit : x >= limit) ? "met" : "**MISSED**"
    }'
}

head_of_budgets() {
    printf '| what | over what | measured | middle half | budget | |\n'
    printf '|---|---|---|---|---|---|\n'
}

# row WHAT OVER MEASURED SPREAD BUDGET VERDICT
row() { printf '| %s | %s | %s | %s | %s | %s |\n' "$@"; }

# row_ratio WHAT OVER NAME BASE at-most|at-least|none LIMIT: one row of the table.
row_ratio() {
    local what=$1 over=$2 how=$5 limit=${6-} shown=
    if ! ratio "$3" "$4"; then
        row "$what" "$over" 'not measured: it failed' '' '' ''
        return
    fi
    case $how in
        at-most) shown="at most $limit" ;;
        at-least) shown="at least $limit" ;;
        none)
            row "$what" "$over" "$(printf '%.3gx' "$RATIO")" "$SPREAD" '' ''
            return
            ;;
    esac
    row "$what" "$over" "$(printf '%.3gx' "$RATIO")" "$SPREAD" "$shown" "$(verdict "$RATIO" "$how" "$limit")"
}

# row_skipped WHAT WHY
row_skipped() { row "$1" '' "not measured: $2" '' '' ''; }
