# shellcheck shell=bash
# shellcheck disable=SC2154
#
# database.sh - the database of notes, by sqlite3.

# Makes it: one migration after the other, each of which is noted in it.
create_database() {
    local file
    sqlite3 "$DB" 'create table migrations (name text primary key)'
    for file in "$HERE"/migrations/*.sql; do
        sqlite3 -bail "$DB" <"$file"
        sqlite3 "$DB" "insert into migrations values ('$(basename -- "$file")')"
        say "migration $(basename -- "$file")"
    done
}

backup_database() {
    sqlite3 -readonly "$DB" ".backup '$ROOT/var/backups/notes.db'"
    gzip -kf "$ROOT/var/backups/notes.db"
    say "backup of $(sqlite3 -readonly "$DB" 'select count(*) from notes') notes"
}
