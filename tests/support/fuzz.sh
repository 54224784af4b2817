#!/bin/bash
# Runs libFuzzer programs one after the other:  fuzz.sh SECONDS PROGRAM...
# Seeds come from tests/fuzz/corpus/<name>/; new finds are kept below the program's folder, crashing inputs as
# <name>-crash-*. Each target counts as one test.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/support/results.sh

seconds=$1
shift
passed=0
failed=0

for program in "$@"; do
    name=${program##*/fuzz_}
    folder=${program%/*}
    found=$folder/corpus/$name
    log=$folder/$name.log
    seeds=()
    [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
    mkdir -p "$found"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$folder/$name-" "$found" "${seeds[@]}" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
    else
        failed=$((failed + 1))
        echo "--- $program"
        tail -n 60 "$log"
    fi
done
record fuzz $passed $failed
