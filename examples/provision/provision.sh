#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
#
# Set up a small notes service below ROOT, a fresh temporary directory unless
# given: its users, its configuration, its database and what it serves. Then
# start it, fill it, ask it, and stop it.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
source "$HERE/lib/common.sh"
source "$HERE/lib/users.sh"
source "$HERE/lib/config.sh"
source "$HERE/lib/database.sh"
source "$HERE/lib/service.sh"
prepare_root
eval -- "$("${MEANWHILE:-meanwhile}" init bash)"

# What nothing else is needed for.
async_run install install_program
async_run assets build_assets
async_run users create_users notes www backup
async_run database create_database

# The configuration: each part is written by whoever knows it.
base_config
async_run --lock config config-web config_web
async_run --lock config config-backup config_backup
async_wait users
own_files notes etc var

# The service reads all of the configuration, and the database.
async_wait config-web config-backup
check_config
async_wait install database
start_service

# Two clients at once, each with notes of its own.
async_run import-old import_notes "$HERE/notes/old.txt"
async_run import-new import_notes "$HERE/notes/new.txt"
async_wait assets
verify_assets
async_wait import-old import-new
verify_notes

# The backup is made of a database that nobody uses any more.
stop_service
async_run backup backup_database
async_run report write_report
async_wait backup report
echo "provisioned: $ROOT"
