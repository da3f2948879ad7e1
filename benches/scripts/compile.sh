#!/usr/bin/env bash
# compile.sh COUNT DIR - compiles so many small C files, in a task: few processes, many
# headers, some work.
set -eu
# shellcheck disable=SC1090
eval -- "$("$MEANWHILE" init bash)"
work() {
    cd "$2"
    for ((i = 0; i < $1; i++)); do
        printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <sys/socket.h>\nint f%s(int n) { char s[64]; for (int i = 0; i < n; i++) snprintf(s, sizeof s, "%%d", i); return (int)strlen(s); }\n' "$i" >"$i.c"
        gcc -O2 -c "$i.c" -o "$i.o"
    done
}
async_run work work "$@"
async_wait work
