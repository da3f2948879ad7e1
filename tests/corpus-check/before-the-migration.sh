#!/usr/bin/env bash
# A table is asked for before the migration that makes it. The database locks
# its file, so that nothing is torn; but the order is open.
# needs: sqlite3
# expect: note write-read|create-missing db migrate query
# twin: s/^async_run query/async_run --after migrate query/
set -eu
eval "$(meanwhile init bash)"
sqlite3 db 'create table before(x)'
async_run migrate sqlite3 db 'create table t(x); insert into t values(1)'
async_run query sh -c 'sqlite3 db "select count(*) from t" || :'
async_wait migrate query
