# shellcheck shell=bash
# Sourced by the runners: how each says what came out of it.
#
#   record NAME PASSED FAILED
#
# prints one line, appends it to the file $TANDEM_RESULTS when test-all.sh collects, and is false if anything failed.

record() {
    echo "$1: $2 passed, $3 failed"
    [ -z "${TANDEM_RESULTS:-}" ] || echo "$1 $2 $3" >>"$TANDEM_RESULTS"
    [ "$3" -eq 0 ]
}
