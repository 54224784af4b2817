#!/bin/bash
# Runs libFuzzer programs, as many at a time as there are cores:  fuzz.sh SECONDS PROGRAM...
# Seeds come from tests/fuzz/corpus/<name>/; new finds are kept below the program's folder, crashing inputs as
# <name>-crash-*. Each target counts as one test.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/support/results.sh

seconds=$1
shift

# One line when all is well, the end of the log otherwise.
run_program() {
    local program=$1 name=${1##*/fuzz_} folder=${1%/*}
    local found=$folder/corpus/$name log=$folder/$name.log seeds=()

    [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
    mkdir -p "$found"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$folder/$name-" "$found" "${seeds[@]}" >"$log" 2>&1; then
        echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
    else
        printf '%s\n' "--- $program" "$(tail -n 60 "$log")"
        return 1
    fi
}

failed=0
running=0
for program in "$@"; do
    if [ $running -ge "$(nproc)" ]; then
        wait -n || failed=$((failed + 1))
        running=$((running - 1))
    fi
    run_program "$program" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
done
record fuzz $(($# - failed)) $failed
