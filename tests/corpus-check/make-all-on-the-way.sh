#!/usr/bin/env bash
# Both make a directory with all above, from below: what is there is not asked for.
# needs: python3
# expect: note create-create|create-missing out/a/b one two
# maybe: note create-create|create-missing out* one two
set -eu
eval "$(meanwhile init bash)"
make='import pathlib, sys
pathlib.Path("out/a/b").mkdir(parents=True, exist_ok=True)
pathlib.Path("out/a/b", sys.argv[1]).write_text("x")'
async_run one python3 -IS -c "$make" one
async_run two python3 -IS -c "$make" two
async_wait one two
