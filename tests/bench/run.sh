#!/bin/bash
# The whole benchmark: `make bench`, or run.sh FOLDER with the folder of the built programs.
#
# Starts a PostgreSQL that waits for the disk, a Redis, an event handler and front ends of its own, puts every workload of
# relay_bench on them and prints one table. Everything is stopped and removed at the end; the corpus stays in FOLDER.
# docs/BENCHMARKS.md explains the table. Environment:
#   BENCH_EVENTS      events stored before the query mix (100000)
#   BENCH_SECONDS     length of the query mix and of holding idle connections (10)
#   BENCH_IDLE        idle connections (15000, or what the limit of open files allows)
#   BENCH_FRONT_ENDS  front ends; clients are spread over them (1)
#   BENCH_URL         measure the relay at this URL instead, which must not know the corpus yet
#   BENCH_PIDS        file with its process ids, for CPU and memory
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=$(cd "${1:?the folder of the built programs is missing}" && pwd)
tool=$bin/bench/relay_bench
events=${BENCH_EVENTS:-100000}
seconds=${BENCH_SECONDS:-10}
idle=${BENCH_IDLE:-15000}
front_ends=${BENCH_FRONT_ENDS:-1}
narrow=20000 # events of the second ingest, which waits for each OK
corpus=$bin/bench/corpus-$events.jsonl

mkdir -p "$bin/bench"
dir=$(mktemp -d "$bin/bench/run.XXXXXX")
pids=()
urls=()
failed=0

die() {
    echo "bench: $*" >&2
    exit 1
}

# ---- the relay ----

# A port that nobody listens on, below those that the system hands out to clients.
free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo $port
}

# start NAME PROGRAM: runs it with the settings in the environment, until it says that it is ready.
start() {
    [ -x "$bin/$2" ] || die "$bin/$2 is not built"
    setsid "$bin/$2" >"$dir/$1.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 300); do
        "$bin/$2" --healthcheck >/dev/null 2>&1 && return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$dir/$1.log" >&2
    die "$2 does not start"
}

start_relay() {
    trap stop_relay EXIT
    tests/support/services.sh start "$dir" --durable
    # shellcheck source=/dev/null
    . "$dir/env"
    # As in production, but for what would refuse so much from one address or from authors without followers.
    export RATE_LIMITS=False WOT_ENABLED=False
    INTERNAL_TOKEN=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    EVENT_HANDLER_PORT=$(free_port)
    export WOT_ENABLED=False INTERNAL_TOKEN EVENT_HANDLER_PORT EVENT_HANDLER_HOST=127.0.0.1 EVENT_HANDLER_SVC=127.0.0.1 WS_HOST=127.0.0.1
    start event-handler event-handler
    for ((i = 1; i <= front_ends; i++)); do
        WS_PORT=$(free_port)
        METRICS_PORT=$(free_port)
        export WS_PORT METRICS_PORT
        start "websocket-handler-$i" websocket-handler
        urls+=(--url "ws://127.0.0.1:$WS_PORT")
    done
    printf '%s\n' "${pids[@]}" "$TANDEM_POSTGRES_PID" "$TANDEM_REDIS_PID" >"$dir/pids"
}

# shellcheck disable=SC2317 # called by the trap
stop_relay() {
    trap '' INT TERM
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null || continue
        for _ in $(seq 120); do
            kill -0 "${pids[i]}" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "${pids[i]}" 2>/dev/null || true
    done
    tests/support/services.sh stop "$dir" || true
    rm -rf "$dir"
}

# ---- the workloads ----

# measure COMMAND [OPTION VALUE]...: one row of the table. The pause lets what the last one left behind settle.
measure() {
    sleep 2
    "$tool" "$@" "${urls[@]}" "${usage[@]}" --row "$dir/table" || failed=1
}

# fan_out SUBSCRIBERS MATCHING EVENTS WINDOW: with events that nobody has seen.
fan_out() {
    measure fanout --file "$corpus" --skip "$used" --events "$3" --conns "$1" --match "$2" --window "$4"
    used=$((used + $3))
}

# The table with its columns under each other.
print_table() {
    awk -F ' *[|] *' '
        {
            for (i = 2; i < NF; i++) {
                cell[NR, i] = $i
                if (length($i) > width[i]) width[i] = length($i)
            }
            columns = NF
        }
        END {
            for (row = 1; row <= NR; row++) {
                for (i = 2; i < columns; i++) printf "| %-*s ", width[i], cell[row, i]
                print "|"
            }
        }' "$dir/table"
}

trap 'exit 130' INT TERM
ulimit -n "$(ulimit -Hn)"
most=$(($(ulimit -n) - 1000))
if [ "$idle" -gt $most ]; then
    echo "ulimit -n allows $most idle connections, not $idle"
    idle=$most
fi
if [ ! -s "$corpus" ] || [ "$tool" -nt "$corpus" ]; then
    "$tool" gen --file "$corpus" --events $((events + narrow + 7000))
fi

if [ -n "${BENCH_URL:-}" ]; then
    trap 'rm -rf "$dir"' EXIT
    urls=(--url "$BENCH_URL")
    usage=(${BENCH_PIDS:+--pids "$BENCH_PIDS"})
else
    start_relay
    usage=(--pids "$dir/pids")
fi
"$tool" verify --file "$corpus" | tee "$dir/verify"

# The idle connections come before the relay has memory to spare from other work, which they would then use unseen.
measure idle --conns 0 --seconds 1 --label "at rest, empty"
measure idle --conns "$idle" --seconds "$seconds"
measure ingest --file "$corpus" --events "$events" --conns 32 --window 128
measure query --file "$corpus" --events "$events" --conns 4 --seconds "$seconds"
measure ingest --file "$corpus" --skip "$events" --events $narrow --conns 16 --window 1
used=$((events + narrow))
fan_out 200 200 3000 64
fan_out 10 10 500 1
fan_out 5000 20 2000 64

echo
echo "$(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(cat "$dir/verify")"
echo
print_table
exit $failed
