# shellcheck shell=bash
#
# service.sh - configure, migrate, start and stop the HTTP services.

manage() {
    "$PYTHON" "$OPT_DIR/service/manage.py" "$@"
}

# The keys that tokens are signed with; all services share them.
make_keys() {
    manage make_keys "$ETC_DIR/keys"
}

# configure_service SERVICE
configure_service() {
    local service=$1 conf=$ETC_DIR/$1.ini
    iniset "$conf" DEFAULT service "$service"
    iniset "$conf" DEFAULT host "$SERVICE_HOST"
    iniset "$conf" DEFAULT key_dir "$ETC_DIR/keys"
    iniset "$conf" DEFAULT url_file "$RUN_DIR/$service.url"
    iniset "$conf" database path "$DATA_DIR/$service.db"
    iniset "$conf" storage directory "$DATA_DIR/$service"
    echo "wrote $conf"
}

configure_client() {
    local conf=$ETC_DIR/client.ini
    iniset "$conf" auth url_file "$RUN_DIR/identity.url"
    iniset "$conf" auth user admin
    iniset "$conf" auth password "$ADMIN_PASSWORD"
    echo "wrote $conf"
}

# Create every database and run its migrations; the first account, which all
# others are created by, cannot be created through the API.
sync_databases() {
    local service
    for service in "${SERVICES[@]}"; do
        manage db_sync "$ETC_DIR/$service.ini"
    done
    manage bootstrap "$ETC_DIR/identity.ini" --password "$ADMIN_PASSWORD"
}

# start_service SERVICE
# Start a service and return once it answers. It has its own session and its
# own log, so it lives on after the shell that started it, be that this script
# or a task; with --owner it ends itself should this script be killed.
start_service() {
    local service=$1 pidfile=$RUN_DIR/$1.pid log=$LOG_DIR/$1.log
    "$PYTHON" "$OPT_DIR/service/api.py" "$ETC_DIR/$service.ini" --owner $$ \
        </dev/null >"$log" 2>&1 &
    echo $! >"$pidfile"
    if ! manage wait "$ETC_DIR/$service.ini" --pid $! --timeout "$SERVICE_TIMEOUT"; then
        tail -n 20 -- "$log" >&2
        die "the $service service did not start"
    fi
    echo "$service answers at $(service_url "$service")"
}

# service_url SERVICE
service_url() {
    cat -- "$RUN_DIR/$1.url"
}

# Stop whatever runs; also the EXIT trap, so it copes with any state. Not before
# their processes have ended is all on disk.
stop_services() {
    local pidfiles=("$RUN_DIR"/*.pid)
    [[ -f ${pidfiles[0]} ]] || return 0
    manage stop --timeout 10 "${pidfiles[@]}"
    rm -f -- "${pidfiles[@]}" "${pidfiles[@]/%.pid/.url}"
}
