#!/usr/bin/env bash
#
# What a CI job does with a small C library: lint, build (with and without
# debugging), unit tests, documentation, a package. All that is made goes below
# OUT, a fresh temporary directory unless given; the sources are only read.
set -euo pipefail

HERE=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$HERE/project
[[ -n ${OUT-} ]] || OUT=$(mktemp -d "${TMPDIR:-/tmp}/ci.XXXXXX")
mkdir -p -- "$OUT"/{docs,reports,package}
export SOURCE OUT
eval -- "$("${MEANWHILE:-meanwhile}" init bash)"

lint_c() {
    local file
    for file in "$SOURCE"/src/*.c; do
        cc -std=c11 -Wall -Wextra -Werror -fsyntax-only -I"$SOURCE/include" "$file"
    done
    echo "C: clean" >"$OUT/reports/lint-c.txt"
}

lint_style() {
    python3 "$SOURCE/tools/style.py" "$SOURCE"/{src,include,tests}/*.[ch] >"$OUT/reports/lint-style.txt"
}

# build NAME FLAGS
build() {
    make -s -f "$SOURCE/Makefile" SOURCE="$SOURCE" OUT="$OUT/$1" CFLAGS="$2" "$OUT/$1/libwords.a"
}

# unit NAME FLAGS
# The tests of a build, each a program of its own.
unit() {
    make -s -f "$SOURCE/Makefile" SOURCE="$SOURCE" OUT="$OUT/$1" CFLAGS="$2" check
}

docs() {
    python3 "$SOURCE/tools/docs.py" "$SOURCE"/include/*.h >"$OUT/docs/words.md"
}

package() {
    local dir=$OUT/package/words-1.0
    mkdir -p -- "$dir"/{lib,include,doc}
    install -m 644 "$OUT/release/libwords.a" "$dir/lib/"
    install -m 644 "$SOURCE"/include/*.h "$dir/include/"
    install -m 644 "$OUT/docs/words.md" "$dir/doc/"
    tar -C "$OUT/package" -czf "$OUT/words-1.0.tar.gz" words-1.0
}

report() {
    cat -- "$OUT"/reports/*.txt
    tar -tzf "$OUT/words-1.0.tar.gz"
}

async_runfunc lint_c
async_runfunc lint_style
async_runfunc docs
async_run debug build debug "-O0 -g"
async_run release build release -O2

async_wait debug
async_run unit-debug unit debug "-O0 -g"
async_wait release
async_run unit-release unit release -O2

async_wait docs
package
async_wait lint_c lint_style unit-debug unit-release
report
