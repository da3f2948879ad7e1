# shellcheck shell=bash
# shellcheck disable=SC2154
#
# config.sh - the configuration: made once, then edited by section.

# Writes the configuration that everybody else adds to.
base_config() {
    cat >"$CONF" <<EOF
[notes]
database = $DB
workers = 1

[web]

[backup]
EOF
    say "base configuration"
}

# set_option SECTION KEY VALUE
# Puts an option into a section, as its first one.
set_option() {
    sed -i "/^\[$1\]\$/a $2 = $3" "$CONF"
}

# get_option SECTION KEY
get_option() {
    sed -n "/^\[$1\]\$/,/^\[/s/^$2 = //p" "$CONF"
}

config_web() {
    set_option web root "$ROOT/srv/www"
    set_option web host "$HOST"
}

config_backup() {
    set_option backup directory "$ROOT/var/backups"
    set_option backup keep 3
    cp -- "$CONF" "$ROOT/etc/backup/notes.conf"
}

check_config() {
    local value
    for value in "$(get_option web root)" "$(get_option web host)" "$(get_option backup keep)"; do
        [[ -n $value ]] || die "the configuration lacks an option: $CONF"
    done
    say "configuration is complete"
}
