#!/bin/bash
# `make test`: every check there is, whatever fails on the way, and one line at the end.
#   FUZZ_SECONDS   for each fuzz target (default here: 5)
#   E2E_VARIANTS   which builds the end-to-end tests run against (default: "default")
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

export FUZZ_SECONDS=${FUZZ_SECONDS:-5}
TANDEM_RESULTS=$(mktemp)
export TANDEM_RESULTS
trap 'rm -f "$TANDEM_RESULTS"' EXIT

totals() {
    awk '{passed += $2; failed += $3} END {print passed + 0, failed + 0}' "$TANDEM_RESULTS"
}

# step NAME COMMAND...: a command that fails without having recorded a failure is one.
step() {
    local name=$1 before after status started=$SECONDS
    shift
    before=$(totals | cut -d' ' -f2)
    echo
    echo "== $name"
    "$@"
    status=$?
    after=$(totals | cut -d' ' -f2)
    if [ $status -ne 0 ] && [ "$before" -eq "$after" ]; then
        echo "$name: failed"
        echo "$name 0 1" >>"$TANDEM_RESULTS"
    fi
    echo "$name: $((SECONDS - started)) s"
}

# check NAME COMMAND...: a step that is itself one test.
check() {
    step "$1" passes "$@"
}

passes() {
    local name=$1
    shift
    "$@" && echo "$name 1 0" >>"$TANDEM_RESULTS"
}

make() {
    command make --no-print-directory -j"$(nproc)" "$@"
}

tests/support/deps.sh build run test || exit 1
check build make all
step unit-default make check
step unit-asan make asan
check headers make check-headers
check layers make check-layers
check documents make check-docs
check observability make check-observability
step fuzz make fuzz
for variant in ${E2E_VARIANTS:-default}; do
    step "e2e-$variant" make VARIANT="$variant" test-e2e
done

echo
echo "== summary"
awk '{printf "%-24s %5d passed %5d failed\n", $1, $2, $3}' "$TANDEM_RESULTS"
read -r passed failed <<<"$(totals)"
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
