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
services=
trap 'rm -f "$output"; [ -z "$services" ] || stop_services' EXIT

# The event handler's tests want a PostgreSQL and a Redis. TANDEM_TEST_PG in the environment says that the variables
# already name some.
start_services() {
    services=$(mktemp -d)
    tests/support/services.sh start "$services" || exit 1
    . "$services/env"
    export TANDEM_TEST_PG=1
}

stop_services() {
    tests/support/services.sh stop "$services" --now
    rm -rf "$services"
}

export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

if [ -z "${TANDEM_TEST_PG:-}" ] && [[ "$*" == *unit/event-handler/* ]]; then
    start_services
fi

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
