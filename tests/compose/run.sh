#!/bin/bash
# `make test-compose`: the real images and compose files on a Docker engine. Without one nothing is tested, and it says so.
# NO_BUILD=1 takes the images that are there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/results.sh
. tests/support/results.sh

if ! docker info >/dev/null 2>&1; then
    echo "test-compose: skipped, since no Docker engine answers (docker info)"
    exit 0
fi
if ! docker compose version >/dev/null 2>&1 && ! docker-compose version >/dev/null 2>&1; then
    echo "test-compose: skipped, since there is neither docker compose nor docker-compose"
    exit 0
fi

stamp=tests/node_modules/.tandem-lock
if ! cmp -s tests/package-lock.json $stamp; then
    (cd tests && npm ci --silent) || exit 1
    cp tests/package-lock.json $stamp
fi

tag=$(sed -n 's/^VERSION := //p' Makefile)
if [ "${NO_BUILD:-}" != 1 ]; then
    for target in websocket-handler event-handler; do
        echo "building $target"
        docker build -q -f deploy/docker/Dockerfile --target $target -t "ghcr.io/tandem-relay/$target:$tag" . >/dev/null || exit 1
    done
    docker build -q -t tandem-test/balancer tests/compose/balancer >/dev/null || exit 1
fi

tap=$(mktemp)
trap 'rm -f "$tap"' EXIT
[ $# -gt 0 ] || set -- tests/compose/*.test.mjs
timeout --kill-after=60 "${COMPOSE_SECONDS:-1500}" node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$tap" "$@"
status=$?

count() {
    awk -v key="$1" '$1 == "#" && $2 == key {n = $3} END {print n + 0}' "$tap"
}
failed=$(($(count fail) + $(count cancelled)))
[ $status -eq 0 ] || [ $failed -gt 0 ] || failed=1
record compose "$(count pass)" "$failed"
