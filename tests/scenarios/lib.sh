# shellcheck shell=sh disable=SC2034
# lib.sh: for the scenarios, which are sourced after it in every shell.

checks=0
failures=0

# check WHAT EXPECTED ACTUAL
check() {
    checks=$((checks + 1))
    if [ "$2" != "$3" ]; then
        failures=$((failures + 1))
        printf 'not ok: %s\n  expected: <%s>\n  actual:   <%s>\n' "$1" "$2" "$3" >&2
    fi
}

# code COMMAND...: sets rc to its exit code, also under errexit.
code() {
    rc=0
    "$@" || rc=$?
}

finish() {
    [ "$failures" -eq 0 ] || exit 1
    printf 'passed: %s checks\n' "$checks"
}

nl='
'
eval "$(meanwhile init "$SCENARIO_SHELL")"

# live_or ACTUAL EXPECTED: in serial mode the output appeared when the task
# ran and nothing is replayed; then ACTUAL must be empty.
live_or() {
    case $SCENARIO_MODE:$1 in
        serial:) printf '%s' "$2" ;;
        *) printf '%s' "$1" ;;
    esac
}
