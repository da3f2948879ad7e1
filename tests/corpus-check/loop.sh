#!/usr/bin/env bash
# A loop starts tasks that write one file: no line is before the one and behind the other.
# expect: error write-write conf step-1 step-2
# expect: error write-write conf step-1 step-3
# expect: error write-write conf step-2 step-3
# told: 1
# unfixable: the names are made in a loop
# twin: s/async_run/async_run --lock conf/
set -eu
eval "$(meanwhile init bash)"
setting() { echo "$1=1" >conf; }
for i in 1 2 3; do
    async_run "step-$i" setting "$i"
done
async_wait --all
