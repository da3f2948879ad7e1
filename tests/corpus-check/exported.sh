#!/usr/bin/env bash
# A variable comes back by a file of the run.
# expect: none
set -eu
eval "$(meanwhile init bash)"
compute() { answer=42; }
async_run --export answer compute compute
async_run beside true
async_wait compute
echo "${answer-}"
async_wait beside
