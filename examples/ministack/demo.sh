#!/usr/bin/env bash
#
# demo.sh - run stack.sh and stack-async.sh, check that both end in the same
# database content, and show what was gained by which lines. The tool is
# MEANWHILE, or else meanwhile on PATH.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
MEANWHILE=${MEANWHILE:-meanwhile}
if ! MEANWHILE=$(type -P -- "$MEANWHILE"); then
    echo "demo: put meanwhile on PATH, or its path into MEANWHILE" >&2
    exit 1
fi
export MEANWHILE

WORK=$(mktemp -d "${TMPDIR:-/tmp}/ministack-demo.XXXXXX")

finish() {
    local status=$?
    if ((status == 0)); then
        rm -rf -- "$WORK"
    else
        echo "demo: FAILED, see $WORK" >&2
    fi
}
trap finish EXIT

# run NAME SCRIPT
# Run a script in WORK/NAME; leaves NAME.log, NAME.time and NAME.dump there.
run() {
    local name=$1 script=$2 TIMEFORMAT=%R status=0
    printf '%-16s' "$script"
    {
        time STACK_DIR=$WORK/$name "$HERE/$script" >"$WORK/$name.log" 2>&1 || status=$?
    } 2>"$WORK/$name.time"
    if ((status != 0)); then
        printf 'exit code %s\n' "$status"
        tail -n 40 -- "$WORK/$name.log" >&2
        exit 1
    fi
    printf '%8s s\n' "$(<"$WORK/$name.time")"
    "$HERE/dump-db.py" "$WORK/$name" >"$WORK/$name.dump"
}

export LC_ALL=C
run linear stack.sh
run async stack-async.sh

if ! diff -u "$WORK/linear.dump" "$WORK/async.dump" >&2; then
    echo "demo: the two runs ended in different database content" >&2
    exit 1
fi
echo "same database content: $(wc -l <"$WORK/linear.dump") lines compared"
awk '{ t[NR] = $1 } END { printf "linear / async: %.2f\n", t[1] / t[2] }' \
    "$WORK/linear.time" "$WORK/async.time"

echo
echo "The two scripts differ by:"
diff "$HERE/stack.sh" "$HERE/stack-async.sh" || (($? == 1))

echo
echo "async_print_timing printed:"
summary=$(sed '1,/^ministack is complete/d' "$WORK/async.log")
if [[ -z $summary ]]; then
    echo "demo: nothing" >&2
    exit 1
fi
printf '%s\n' "$summary"
