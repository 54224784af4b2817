#!/bin/bash
# End-to-end tests:  e2e.sh NAME FOLDER [FILE...]
# FOLDER holds the programs under test, which the tests find as $TANDEM_BIN. The tests start PostgreSQL, Redis and the
# services themselves; E2E_JOBS files run at a time (2). A report by a sanitizer counts as a failure, whoever wrote it and whatever the tests thought.
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
results=$TMPDIR/results
chmod 755 "$TMPDIR"
mkdir -m 777 "$reports" "$results"

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
    awk -v key="$1" '$1 == "#" && $2 == key {n = $3} END {print n + 0}' "$2"
}

# One file, in a process of its own: its output in one piece, its counts in "$results".
run_file() {
    local file=$1 name tap log status bad
    name=$(basename "$file")
    tap=$results/$name.tap
    log=$results/$name.log
    : >"$tap"
    timeout --kill-after=10 "${E2E_FILE_SECONDS:-300}" node --test --test-reporter=spec \
        --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination="$tap" "$file" >"$log" 2>&1
    status=$?
    bad=$(($(count fail "$tap") + $(count cancelled "$tap")))
    if [ $status -ne 0 ] && [ $bad -eq 0 ]; then
        echo "--- $file ended with status $status$([ $status -ne 124 ] || echo ': it took too long')" >>"$log"
        bad=1
    fi
    echo "$(count pass "$tap") $bad $(($(count skipped "$tap") + $(count todo "$tap")))" >"$results/$name.counts"
    cat "$log"
}

# File by file, so that one that hangs costs no other its result; a few at a time, as each mostly waits. A file with the
# line "// Runs alone: why" loads the machine so much, or is so particular about time, that others would spoil it.
for file in "$@"; do
    grep -q '^// Runs alone: ' "$file" && continue
    while [ "$(jobs -rp | wc -l)" -ge "${E2E_JOBS:-2}" ]; do wait -n; done
    run_file "$file" &
done
wait
for file in "$@"; do
    ! grep -q '^// Runs alone: ' "$file" || run_file "$file"
done

read -r passed failed skipped < <(cat "$results"/*.counts | awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}')
for report in "$reports"/*; do
    [ -e "$report" ] || continue
    echo "--- a sanitizer's report"
    cat "$report"
    failed=$((failed + 1))
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
record "$name" "$passed" "$failed"
