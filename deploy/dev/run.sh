#!/bin/bash
# `make run`: a whole relay on this machine, in the foreground, with its own PostgreSQL and Redis below .run/. Ctrl-C
# stops all of it; the data stays. Any setting of the services may be given: RELAY_NAME="Mine" LOG_LEVEL=debug make run
set -euo pipefail
cd "$(dirname "$0")/../.."

run=$PWD/.run
bin=$PWD/build
pids=()

export WS_HOST=${WS_HOST:-127.0.0.1} WS_PORT=${WS_PORT:-8008} METRICS_PORT=${METRICS_PORT:-8010}
export EVENT_HANDLER_SVC=127.0.0.1 EVENT_HANDLER_HOST=127.0.0.1
export EVENT_HANDLER_PORT=${EVENT_HANDLER_PORT:-8009}
# Nobody is trusted or mistrusted on a relay for trying out, unless the caller says so.
export WOT_ENABLED=${WOT_ENABLED:-False}

die() {
    echo "run: $*" >&2
    exit 1
}

check_ports() {
    for name in WS_PORT EVENT_HANDLER_PORT METRICS_PORT; do
        if (exec 3<>"/dev/tcp/127.0.0.1/${!name}") 2>/dev/null; then
            die "port ${!name} is in use. Stop what listens there, or choose another: $name=$((${!name} + 100)) make run"
        fi
    done
}

# start PROGRAM: in a session of its own, so that Ctrl-C reaches this script alone.
start() {
    setsid "$bin/$1" &
    pids+=($!)
    for _ in $(seq 300); do
        "$bin/$1" --healthcheck >/dev/null 2>&1 && return 0
        kill -0 $! 2>/dev/null || die "$1 ended; its last lines say why"
        sleep 0.1
    done
    die "$1 is not ready after 30 seconds; its last lines say why"
}

# shellcheck disable=SC2317 # called by the trap
# The front end first, so that clients are told before the event handler goes.
stop_all() {
    trap '' INT TERM
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null || continue
        for _ in $(seq 120); do
            kill -0 "${pids[i]}" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "${pids[i]}" 2>/dev/null || true
    done
    tests/support/services.sh stop "$run" || true
    echo "Stopped. The data is kept in .run/"
}

check_ports
tests/support/deps.sh build run
make --no-print-directory -j"$(nproc)" all

echo "Starting PostgreSQL and Redis"
trap stop_all EXIT
trap 'exit 0' INT TERM
tests/support/services.sh start "$run" --durable
# shellcheck source=/dev/null
. "$run/env"
INTERNAL_TOKEN=${INTERNAL_TOKEN:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
export INTERNAL_TOKEN
export WS_UNREADY_SECONDS=${WS_UNREADY_SECONDS:-0} # no balancer has to see it go

start event-handler
start websocket-handler

relay=$([ "$WS_PORT" = 8008 ] || echo " --relay ws://127.0.0.1:$WS_PORT")
cat <<EOT

  The relay is up:  ws://127.0.0.1:$WS_PORT

  In another terminal, try:
    build/relayctl$relay key new me.key
    build/relayctl$relay pub --key me.key "Hello from Tandem"
    build/relayctl$relay watch '{"kinds":[1]}'

  In a browser:     http://127.0.0.1:$WS_PORT/
  Metrics:          http://127.0.0.1:$METRICS_PORT/metrics
  Or add ws://127.0.0.1:$WS_PORT to the relays of any Nostr client on this machine.

  Ctrl-C stops everything; the data stays in .run/

EOT

status=0
wait -n "${pids[@]}" || status=$?
die "a service ended by itself (status $status); the lines above say why"
