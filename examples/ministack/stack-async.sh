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
eval -- "$("${MEANWHILE:-meanwhile}" init bash)"

header Install
create_venv
async_runfunc install_libraries
async_run build-image build_image "$IMAGE_FILE" "$IMAGE_MIB"

header Configure
make_keys
configure_client
configure_service identity
configure_service image
configure_service compute
sync_databases

header Start
async_run start-identity start_service identity
async_run start-image start_service image
async_run start-compute start_service compute
async_wait install_libraries start-{identity,image,compute}

header Accounts
async_run ks-domain get_or_create_domain "$DOMAIN_NAME"
async_run ks-role get_or_create_role member reader service anotherrole
async_wait ks-domain
async_run ks-project get_or_create_project "$DOMAIN_NAME" service demo alt_demo invisible_to_admin
async_run ks-user get_or_create_user "$DOMAIN_NAME" "$DEMO_USER" alt_demo svc-identity svc-image svc-compute
async_wait ks-{role,project,user}

header Catalog
async_run catalog-identity create_catalog identity
async_run catalog-image create_catalog image
async_run catalog-compute create_catalog compute
async_runfunc grant_demo_roles
async_wait build-image catalog-{image,compute}

header Content
async_run upload-image upload_image "$IMAGE_FILE" "$IMAGE_NAME" demo
async_runfunc create_flavors
async_wait catalog-identity grant_demo_roles upload-image create_flavors

header Verify
async_runfunc verify_accounts
async_runfunc verify_catalog
async_run verify-image verify_image "$IMAGE_FILE" "$IMAGE_NAME" demo
async_runfunc verify_flavors
async_wait verify_{accounts,catalog,flavors} verify-image
stack_done
async_print_timing
