#!/usr/bin/env bash
# Fuzzes what is read from outside: run.sh SECONDS [TARGET…]. Each target first
# replays its corpus, then tries new inputs for SECONDS, steered by what code
# they reach. What makes it fail is left in fuzz/artifacts/TARGET; what reaches
# new code goes to fuzz/target/corpus/TARGET. With KEEP=1 a small set of files
# that reaches all of it is put into fuzz/target/kept/TARGET, to add to fuzz/corpus.
#
# libFuzzer needs no nightly Rust: the coverage that it is steered by comes
# from LLVM passes that stable rustc has, too.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?seconds for each target}
shift
all=(journal search record name files text history)
[ "$#" -gt 0 ] && targets=("$@") || targets=("${all[@]}")

if ! command -v c++ >/dev/null; then
    echo 'skipped: fuzzing needs a C++ compiler (apt-get install g++)' >&2
    exit 0
fi
passes=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
host=$(rustc -vV | sed -n 's/^host: //p')
unset CARGO_TARGET_DIR
# With --target the passes stay off build scripts.
RUSTFLAGS="--cfg fuzzing ${passes[*]}" cargo build --quiet --release --locked --target "$host"
bin=target/$host/release

# In parallel as far as there are processors; one target's words at a time.
fuzz() {
    local target=$1 log=target/$1.log
    mkdir -p "target/corpus/$target" "artifacts/$target"
    if ! "$bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" \
        "target/corpus/$target" "corpus/$target" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        return 1
    fi
    local runs covered
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "fuzz: $target: $runs executions, $covered edges reached, $(find "corpus/$target" -type f | wc -l) files in the corpus"
    if [ "${KEEP-}" = 1 ]; then
        local kept=target/kept/$target
        rm -rf "$kept"
        mkdir -p "$kept"
        # By edges alone: a corpus to keep is small.
        "$bin/$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$kept" \
            "corpus/$target" "target/corpus/$target" >>"$log" 2>&1
        echo "fuzz: $target: $(find "$kept" -type f | wc -l) files reach all edges: fuzz/$kept"
    fi
}

failed=0 running=0
for target in "${targets[@]}"; do
    if [ "$running" -ge "$(nproc)" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
