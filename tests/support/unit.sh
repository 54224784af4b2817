#!/bin/bash
# Runs cmocka programs:  unit.sh NAME PROGRAM...
# Shows what a program printed only when something failed. One that dies, hangs or stops short of its plan counts as one
# failure more. Those that need a database or Redis find them, as the services do, in the environment; TANDEM_TEST_PG
# says that they are there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/support/results.sh

name=$1
shift
passed=0
failed=0
skipped=0
work=$(mktemp -d)
output=$work/output
trap 'tests/support/services.sh stop "$work/services" --now; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

chmod 755 "$work"
tests/support/services.sh start "$work/services" || exit 1
# shellcheck source=/dev/null
. "$work/services/env"
export TANDEM_TEST_PG=1
export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

for program in "$@"; do
    timeout 120 "$program" >"$output" 2>&1
    status=$?
    ok=$(grep -c '^ok ' "$output")
    skip=$(grep -c '^not ok [0-9]* # SKIP' "$output") # as cmocka words it
    bad=$(($(grep -c '^not ok ' "$output") - skip))
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$output" | awk '{n += $1} END {print n + 0}')
    if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ $((ok + skip + bad)) -lt "$planned" ] || [ "$planned" -eq 0 ]; then
        bad=$((bad + 1))
    fi
    if [ "$bad" -gt 0 ]; then
        echo "--- $program (exit status $status)"
        cat "$output"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + skip))
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
record "$name" $passed $failed
