# shellcheck shell=bash
#
# install.sh - the Python that everything runs with, and the client's libraries.

# Packages of the standard library that the client imports, see HEAVY there.
CLIENT_PACKAGES=(
    asyncio concurrent ctypes email html http importlib json logging
    multiprocessing pydoc_data sqlite3 unittest urllib venv wsgiref xml xmlrpc zoneinfo
)

# A virtual environment, with the services and the client copied beside it so
# that running them writes nothing into the source tree.
create_venv() {
    python3 -m venv --without-pip "$STACK_DIR/venv"
    cp -R -- "$HERE/service" "$HERE/client" "$HERE/tools" "$OPT_DIR/"
    "$PYTHON" --version
}

# Give the client its own compiled copy of its libraries, as an installed
# client has. Clients import from there, so none may run before it is complete.
install_libraries() {
    local libraries=$OPT_DIR/libraries stdlib package
    stdlib=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    mkdir -- "$libraries"
    cp -- "$stdlib"/*.py "$libraries/"
    for package in "${CLIENT_PACKAGES[@]}"; do
        if [[ -d $stdlib/$package ]]; then # some are a module in some versions
            cp -R -- "$stdlib/$package" "$libraries/"
        fi
    done
    find "$libraries" -type d \( -name __pycache__ -o -name test -o -name tests \) \
        -prune -exec rm -rf {} +
    "$PYTHON" -m compileall -q "$libraries"
    echo "installed $(find "$libraries" -name '*.pyc' | wc -l) compiled modules"
}

# Run the command line client.
ministack() {
    PYTHONPATH=$OPT_DIR/libraries "$PYTHON" "$OPT_DIR/client/ministack" \
        --config "$ETC_DIR/client.ini" "$@"
}
