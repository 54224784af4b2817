#!/bin/bash
# Runs cmocka programs:  unit.sh NAME PROGRAM...
# Shows what a program printed only when something failed. One that dies, hangs or stops short of its plan counts as one
# failure more.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/support/results.sh

name=$1
shift
passed=0
failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

for program in "$@"; do
    timeout 120 "$program" >"$output" 2>&1
    status=$?
    ok=$(grep -c '^ok ' "$output")
    bad=$(grep -c '^not ok ' "$output")
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$output" | awk '{n += $1} END {print n + 0}')
    if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ $((ok + bad)) -lt "$planned" ] || [ "$planned" -eq 0 ]; then
        bad=$((bad + 1))
    fi
    if [ "$bad" -gt 0 ]; then
        echo "--- $program (exit status $status)"
        cat "$output"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
done
record "$name" $passed $failed
