#!/usr/bin/env bash
# Formatting and static checks of everything. Fails at the first complaint.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --check
cargo fmt --check --manifest-path fuzz/Cargo.toml
cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet

mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
if command -v shellcheck >/dev/null; then
    shellcheck -x --source-path=SCRIPTDIR --source-path=SCRIPTDIR/.. "${scripts[@]}"
else
    echo 'skipped: shellcheck is not installed' >&2
fi
if command -v shfmt >/dev/null; then
    shfmt -i 4 -ci -d "${scripts[@]}"
else
    echo 'skipped: shfmt is not installed' >&2
fi
echo 'lint: clean'
