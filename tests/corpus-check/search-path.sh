#!/usr/bin/env bash
# A program is looked for along PATH, while another one appears in front of it.
# Who looks first is not told apart from who looks for what will never be there.
# expect: note|error create-missing first/tool run install
set -eu
eval "$(meanwhile init bash)"
mkdir first second
printf '#!/bin/sh\necho second\n' >second/tool
chmod +x second/tool
use() { PATH=$PWD/first:$PWD/second:$PATH tool; }
async_run run use
async_run install sh -c 'echo text >first/tool'
async_wait run install
