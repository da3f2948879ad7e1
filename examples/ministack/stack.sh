#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
#
# Build a small cloud-like stack on this machine, start it, fill it through its
# API, read everything back and stop it. All of it goes into STACK_DIR, a fresh
# temporary directory unless given. stack.sh takes one step after the other;
# stack-async.sh is the same script with async_* lines added.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
source "$HERE/lib/common.sh"
stack_init

header Install
create_venv
install_libraries
build_image "$IMAGE_FILE" "$IMAGE_MIB"

header Configure
make_keys
configure_client
configure_service identity
configure_service image
configure_service compute
sync_databases

header Start
start_service identity
start_service image
start_service compute

header Accounts
get_or_create_domain "$DOMAIN_NAME"
get_or_create_role member reader service anotherrole
get_or_create_project "$DOMAIN_NAME" service demo alt_demo invisible_to_admin
get_or_create_user "$DOMAIN_NAME" "$DEMO_USER" alt_demo svc-identity svc-image svc-compute

header Catalog
create_catalog identity
create_catalog image
create_catalog compute
grant_demo_roles

header Content
upload_image "$IMAGE_FILE" "$IMAGE_NAME" demo
create_flavors

header Verify
verify_accounts
verify_catalog
verify_image "$IMAGE_FILE" "$IMAGE_NAME" demo
verify_flavors
stack_done
