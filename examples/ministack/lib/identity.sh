# shellcheck shell=bash
#
# identity.sh - accounts and catalog. Every function names what it refers to:
# the client looks the ids up, so nothing has to be handed on in variables.

# get_or_create KIND LABEL KEY=VALUE...
# One call of the client, which prints the id.
get_or_create() {
    local kind=$1 label=$2 id
    shift 2
    id=$(ministack create "$kind" "$@")
    echo "$kind $label: $id"
}

# get_or_create_domain NAME
get_or_create_domain() {
    get_or_create domain "$1" name="$1"
}

# get_or_create_role NAME...
get_or_create_role() {
    local name
    for name in "$@"; do
        get_or_create role "$name" name="$name"
    done
}

# get_or_create_project DOMAIN NAME...
get_or_create_project() {
    local domain=$1 name
    shift
    for name in "$@"; do
        get_or_create project "$name" name="$name" domain="$domain"
    done
}

# get_or_create_user DOMAIN NAME...
get_or_create_user() {
    local domain=$1 name
    shift
    for name in "$@"; do
        get_or_create user "$name" name="$name" domain="$domain" \
            email="$name@example.org" password="$ADMIN_PASSWORD"
    done
}

# grant_role USER PROJECT ROLE...
grant_role() {
    local user=$1 project=$2 role
    shift 2
    for role in "$@"; do
        get_or_create assignment "$user/$project/$role" \
            user="$user" project="$project" role="$role"
    done
}

# What the demo users and the administrator may do; needs the projects, the
# users and the roles.
grant_demo_roles() {
    grant_role "$DEMO_USER" demo member anotherrole
    grant_role "$DEMO_USER" invisible_to_admin member
    grant_role alt_demo alt_demo member
    grant_role admin demo admin
    grant_role admin alt_demo admin
}

# create_catalog SERVICE
# The service's user, its entry in the catalog and its endpoints; needs the
# users' project and role, and the service to be up (for its address).
create_catalog() {
    local service=$1 interface url
    url=$(service_url "$service")
    grant_role "svc-$service" service service
    get_or_create service "$service" name="$service" type="$service" \
        description="Ministack $service service"
    for interface in public internal; do
        get_or_create endpoint "$service/$interface" service="$service" \
            interface="$interface" region="$REGION" url="$url"
    done
}

# expect_list KIND FIELDS LINE...
# Read all objects of a kind back and compare them with the lines given.
expect_list() {
    local kind=$1 fields=$2 wanted found
    shift 2
    wanted=$(printf '%s\n' "$@" | LC_ALL=C sort)
    found=$(ministack list "$kind" "$fields" | LC_ALL=C sort)
    if [[ $found != "$wanted" ]]; then
        die "wrong list of ${kind}s: wanted"$'\n'"$wanted"$'\n'"found"$'\n'"$found"
    fi
    echo "verified: $kind, $# objects"
}

verify_accounts() {
    expect_list domain name Default "$DOMAIN_NAME"
    expect_list role name admin member reader service anotherrole
    expect_list project name,domain admin,Default {service,demo,alt_demo,invisible_to_admin},"$DOMAIN_NAME"
    expect_list user name,domain admin,Default \
        {"$DEMO_USER",alt_demo,svc-identity,svc-image,svc-compute},"$DOMAIN_NAME"
    expect_list assignment user,project,role admin,{admin,demo,alt_demo},admin \
        "$DEMO_USER",demo,{member,anotherrole} "$DEMO_USER",invisible_to_admin,member \
        alt_demo,alt_demo,member svc-{identity,image,compute},service,service
}

verify_catalog() {
    expect_list service name,type identity,identity image,image compute,compute
    expect_list endpoint service,interface,region,url \
        identity,{public,internal},"$REGION,$(service_url identity)" \
        image,{public,internal},"$REGION,$(service_url image)" \
        compute,{public,internal},"$REGION,$(service_url compute)"
}
