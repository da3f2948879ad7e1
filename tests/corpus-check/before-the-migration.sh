#!/usr/bin/env bash
# A table is asked for before the migration that makes it. The database locks
# its file, so that nothing is torn; but the order is open.
# needs: sqlite3
# expect: note write-write|write-read db migrate query
set -eu
eval "$(meanwhile init bash)"
db() { sqlite3 -cmd '.timeout 20000' db "$1"; }
query() { db 'select count(*) from t' || :; }
db 'create table before(x)'
async_run migrate db 'create table t(x); insert into t values(1)'
async_run query query
async_wait migrate query
