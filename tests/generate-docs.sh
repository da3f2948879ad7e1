#!/usr/bin/env bash
# Regenerates docs/man from the option definitions. A test compares them.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:?usage: generate-docs.sh PROGRAM}

mkdir -p docs/man
rm -f docs/man/*.1
"$program" man >docs/man/meanwhile.1
for command in init run check start wait get log status cancel report history clean doctor completions man; do
    "$program" man "$command" >"docs/man/meanwhile-$command.1"
done
