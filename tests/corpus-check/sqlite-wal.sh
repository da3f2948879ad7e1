#!/usr/bin/env bash
# A database with a log beside it: who uses it locks it.
# needs: sqlite3
# expect: none
set -eu
eval "$(meanwhile init bash)"
sqlite3 db 'pragma journal_mode=wal; create table t (n)' >/dev/null
add() { sqlite3 -cmd '.timeout 5000' db "insert into t values ($1)" >/dev/null; }
async_run one add 1
async_run two add 2
async_wait one two
sqlite3 db 'select count(*) from t'
