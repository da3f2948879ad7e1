#!/usr/bin/env bash
# A program is looked for along PATH, while another one appears in front of it.
# expect: note create-missing|write-read|create-create first/tool run install
# twin: s/^async_run run/async_run --after install run/
set -eu
eval "$(meanwhile init bash)"
mkdir first second
printf '#!/bin/sh\necho second\n' >second/tool
chmod +x second/tool
use() { PATH=$PWD/first:$PWD/second:$PATH tool; }
# (It is not to run: then it would be a matter of who comes first what is run.)
async_run run use
async_run install sh -c 'echo text >first/tool'
async_wait run install
