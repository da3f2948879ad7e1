#!/usr/bin/env bash
# A directory as a lock: nobody but the two knows that it is one.
# expect: error write-write counter one two
# expect: error write-read counter one two
# suppress: * lock one two # a lock
# twin: /lock/d; s/^async_run /async_run --lock counter /
set -eu
eval "$(meanwhile init bash)"
echo 0 >counter
count() {
    until mkdir lock 2>/dev/null; do sleep 0.01; done
    read -r n <counter
    echo $((n + $1)) >counter
    rmdir lock
}
async_run one count 1
async_run two count 2
async_wait one two
