# shellcheck shell=bash disable=SC2016 # backquotes are Markdown
# peers.sh - the same small job with other tools: N programs started in the
# background, all collected; the last one fails.

# What of a tool is to be known beside its number.
declare -A CANNOT=(
    ['one-call']='meanwhile itself, collected in one call'
    ['one-by-one']='meanwhile itself, each collected by a call of its own'
    [bare]='`&` and `wait`: no names; output only where the script redirects it; nothing ends the tasks of a killed script'
    [tsp]='programs only; one server for all scripts of a user; ids instead of names'
    [nq]='programs only; one after the other; `nq -w` succeeds whatever the code (it is in the text of the log)'
    [xargs]='programs only; no start apart from the collection; tells that one failed (123), not which nor its code; output mixes'
    [parallel]='programs and exported functions; no start apart from the collection; counts failures, codes in a file on request'
    [sem]='programs only; `sem --wait` succeeds whatever the code'
    [devstack]='`inc/async` itself; stops collecting at a failure; hangs if a task calls `exit`'
)

# peer TOOL N: records the microseconds per task of a script in a bash of its
# own, from its start to its end.
peer() {
    local tool=$1 count=$2 before after
    fresh
    now before
    bash "$BENCH/scripts/peers.sh" "$tool" "$count" >"$RUN/out" 2>"$RUN/err" || {
        tail -n 20 -- "$RUN/err" >&2
        return 1
    }
    now after
    settle || return
    record "peer-$tool" "$(((after - before) / count))"
    tail -n 1 -- "$RUN/out" >"$WORK/seen-$tool"
    case $tool in one-* | bare) [[ $(<"$WORK/seen-$tool") == 3 ]] ;; esac
}

# installed TOOL: fails, with WHY, if it is not there.
installed() {
    case $1 in
        one-call | one-by-one | bare) ;;
        devstack)
            [[ -r ${DEVSTACK_DIR-}/inc/async ]] && return
            WHY='DEVSTACK_DIR does not name a checkout of devstack'
            return 1
            ;;
        *)
            type -P -- "$1" >/dev/null && return
            WHY="$1 is not installed"
            return 1
            ;;
    esac
}

table_of_peers() {
    local tool count
    local -a contenders=() rows=()
    for tool in one-call one-by-one bare tsp nq xargs parallel sem devstack; do
        case $tool in
            # Slow ones get fewer tasks.
            sem | devstack) count=$PEER_FEW ;;
            *) count=$PEER_TASKS ;;
        esac
        if installed "$tool"; then
            contenders+=("peer $tool $count")
        else
            say "$tool: $WHY"
        fi
        rows+=("$tool $count")
    done
    in_turn "$PEER_ROUNDS" "${contenders[@]}"

    printf '\n| tool | tasks | cost of a task, over meanwhile'"'"'s | middle half | code seen (of 3) | |\n'
    printf '|---|---|---|---|---|---|\n'
    for tool in "${rows[@]}"; do
        read -r tool count <<<"$tool"
        if ! installed "$tool"; then
            printf '| %s | | not measured: %s | | | |\n' "$tool" "$WHY"
        elif ratio "peer-$tool" peer-one-call; then
            printf '| %s | %s | %.3gx | %s | %s | %s |\n' "$tool" "$count" "$RATIO" "$SPREAD" \
                "$(<"$WORK/seen-$tool")" "${CANNOT[$tool]}"
        else
            printf '| %s | %s | not measured: it failed | | | |\n' "$tool" "$count"
        fi
    done
}
