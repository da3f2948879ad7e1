# shellcheck shell=bash
# shellcheck disable=SC2154
#
# users.sh - the users of the service, in the form of passwd(5). (Those of the
# machine would take a privilege.)

# create_users NAME...
create_users() {
    local name uid=900
    for name in "$@"; do
        uid=$((uid + 1))
        printf '%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n' "$name" "$uid" "$uid" >>"$ROOT/etc/passwd.new"
        printf '%s:x:%d:\n' "$name" "$uid" >>"$ROOT/etc/group"
        say "user $name ($uid)"
    done
    # Whoever reads it finds all of them, or none.
    mv -- "$ROOT/etc/passwd.new" "$ROOT/etc/passwd"
}

# own_files USER DIR...
# Writes down what is to be whose.
own_files() {
    local user=$1 uid dir
    shift
    uid=$(awk -F: -v user="$user" '$1 == user { print $3 }' "$ROOT/etc/passwd")
    [[ -n $uid ]] || die "there is no user $user"
    for dir in "$@"; do printf '%s %s\n' "$uid" "$dir"; done >"$ROOT/etc/owners"
}
