#!/usr/bin/env bash
# Installs what the tests use, through apt where that is allowed; says what is
# missing otherwise. With --bench also the peers that the benchmark compares.
set -euo pipefail

tools=(
    bash:bash zsh:zsh dash:dash busybox:busybox mksh:mksh ksh93:ksh93u+m yash:yash
    shellcheck:shellcheck shfmt:shfmt strace:strace python3:python3 c++:g++
    setsid:util-linux setpriv:util-linux unshare:util-linux script:bsdutils
    xmllint:libxml2-utils parallel:parallel make:make chromium:chromium
    git:git sqlite3:sqlite3
)
if [ "${1-}" = --bench ]; then
    tools+=(tsp:task-spooler nq:nq)
fi

missing_packages() {
    local tool
    for tool in "${tools[@]}"; do
        command -v "${tool%%:*}" >/dev/null 2>&1 || printf '%s\n' "${tool##*:}"
    done
}

mapfile -t packages < <(missing_packages)
[ "${#packages[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root=(sudo -n); else as_root=(false); fi
fi
if command -v apt-get >/dev/null 2>&1 && [ "${as_root[*]-}" != false ]; then
    export DEBIAN_FRONTEND=noninteractive
    # One at a time after a failure: a package that is not to be had must not cost the others.
    { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >/dev/null 2>&1 ||
        for package in "${packages[@]}"; do
            "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || :
        done
fi

mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
    printf 'not installed, so what needs it is skipped: %s\n' "${packages[*]}" >&2
    printf 'hint: apt-get install %s\n' "${packages[*]}" >&2
fi
