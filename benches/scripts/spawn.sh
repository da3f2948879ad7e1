#!/usr/bin/env bash
# spawn.sh COUNT - starts a small program so many times, in a task: what a race check of a
# script costs that does hardly anything else.
set -eu
# shellcheck disable=SC1090
eval -- "$("$MEANWHILE" init bash)"
work() {
    for ((i = 0; i < $1; i++)); do
        /bin/cat "$0" >/dev/null
    done
}
async_run work work "$@"
async_wait work
