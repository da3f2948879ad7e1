#!/usr/bin/env bash
# What a task leaves behind writes when the task is long over.
# expect: error write-read|create-missing late left:serve script
# unfixable: no wait is for what a task leaves behind
# twin: /go/d; /back/d; s/) &/)/
set -eu
eval "$(meanwhile init bash)"
mkfifo go back
serve() {
    (
        # Until the script lets it.
        read -r _ <go
        echo late >late
        echo >back
    ) &
}
async_run serve serve
async_wait serve
echo >go
cat late || :
read -r _ <back
