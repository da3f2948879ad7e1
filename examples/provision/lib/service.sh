# shellcheck shell=bash
# shellcheck disable=SC2154
#
# service.sh - the service: its program, what it serves, its life.

SERVICE_PID=

install_program() {
    install -m 644 "$HERE/service/notes.py" "$ROOT/opt/notes/notes.py"
    python3 -m py_compile "$ROOT/opt/notes/notes.py"
    say "program is installed"
}

# Pages and style, each also compressed.
build_assets() {
    local file name
    for file in "$HERE"/assets/*; do
        name=$(basename -- "$file")
        sed "s/@VERSION@/1.0/g" "$file" >"$ROOT/srv/www/$name"
        gzip -kn9 "$ROOT/srv/www/$name"
    done
    (cd -- "$ROOT/srv/www" && sha256sum -- *.gz) >"$ROOT/srv/assets.sha256"
    say "assets are built"
}

verify_assets() {
    (cd -- "$ROOT/srv/www" && sha256sum --quiet -c ../assets.sha256)
    say "assets are whole"
}

# Starts it; returns when it answers.
start_service() {
    local port=
    # It says so itself, and on which port.
    exec {SERVICE_OUT}< <(exec python3 "$ROOT/opt/notes/notes.py" "$CONF" 2>>"$ROOT/var/log/notes.log")
    SERVICE_PID=$!
    read -r port <&"$SERVICE_OUT" || die "the service does not start: $ROOT/var/log/notes.log"
    URL=http://$HOST:$port
    say "service answers on port $port"
}

stop_service() {
    [[ -n $SERVICE_PID ]] || return 0
    kill "$SERVICE_PID" 2>/dev/null || :
    wait "$SERVICE_PID" 2>/dev/null || :
    SERVICE_PID=
}

# import_notes FILE
# A note for each line.
import_notes() {
    python3 "$HERE/service/client.py" "$URL" add "$1"
    say "imported $(basename -- "$1")"
}

verify_notes() {
    local expected found
    expected=$(sort -- "$HERE"/notes/*.txt)
    found=$(python3 "$HERE/service/client.py" "$URL" list | sort)
    [[ $found == "$expected" ]] || die "the service has other notes: $found"
    say "all notes are there"
}

write_report() {
    {
        echo "users: $(wc -l <"$ROOT/etc/passwd")"
        echo "assets: $(wc -l <"$ROOT/srv/assets.sha256")"
        echo "notes: $(sqlite3 -readonly "$DB" 'select count(*) from notes')"
        echo "log: $(wc -l <"$ROOT/var/log/notes.log") lines"
    } >"$ROOT/var/report.txt"
}
