#!/bin/bash
# End-to-end tests:  e2e.sh NAME FOLDER [FILE...]
# FOLDER holds the programs under test, which the tests find as $TANDEM_BIN. The tests start PostgreSQL, Redis and the
# services themselves. A report by a sanitizer counts as a failure, whoever wrote it and whatever the tests thought.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/support/results.sh

name=$1
TANDEM_BIN=$(cd "$2" && pwd)
export TANDEM_BIN
shift 2
[ $# -gt 0 ] || set -- tests/e2e/*.test.mjs

# npm ci only when the lock file has changed since.
stamp=tests/node_modules/.tandem-lock
if ! cmp -s tests/package-lock.json $stamp; then
    (cd tests && npm ci --silent) || exit 1
    cp tests/package-lock.json $stamp
fi

# All that the tests make lies in one temporary folder. Whatever still runs at the end, because a test was cut short, is
# known by that folder's name.
TMPDIR=$(mktemp -d)
export TMPDIR
reports=$TMPDIR/reports
tap=$TMPDIR/tap
chmod 755 "$TMPDIR"
mkdir -m 777 "$reports"

clean_up() {
    for folder in "$TMPDIR"/tandem-e2e-*; do
        [ ! -d "$folder" ] || tests/support/services.sh stop "$folder" --now
    done
    for process in /proc/[0-9]*; do
        if [ "${process#/proc/}" != $$ ] && grep -qzs "^TMPDIR=$TMPDIR$" "$process/environ"; then
            kill -KILL "${process#/proc/}" 2>/dev/null
        fi
    done
    rm -rf "$TMPDIR"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
export ASAN_OPTIONS=log_path=$reports/asan:exitcode=99
export UBSAN_OPTIONS=log_path=$reports/ubsan:print_stacktrace=1:exitcode=99
export TSAN_OPTIONS=log_path=$reports/tsan:exitcode=99
export LSAN_OPTIONS=log_path=$reports/lsan:exitcode=99

count() {
    awk -v key="$1" '$1 == "#" && $2 == key {n = $3} END {print n + 0}' "$tap"
}

passed=0
failed=0
skipped=0

# File by file, so that one that hangs costs no other its result.
for file in "$@"; do
    : >"$tap"
    timeout --kill-after=10 "${E2E_FILE_SECONDS:-300}" node --test --test-reporter=spec \
        --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination="$tap" "$file"
    status=$?
    bad=$(($(count fail) + $(count cancelled)))
    if [ $status -ne 0 ] && [ $bad -eq 0 ]; then
        echo "--- $file ended with status $status$([ $status -ne 124 ] || echo ': it took too long')"
        bad=1
    fi
    passed=$((passed + $(count pass)))
    failed=$((failed + bad))
    skipped=$((skipped + $(count skipped) + $(count todo)))
done
for report in "$reports"/*; do
    [ -e "$report" ] || continue
    echo "--- a sanitizer's report"
    cat "$report"
    failed=$((failed + 1))
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
record "$name" "$passed" "$failed"
