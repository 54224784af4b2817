#!/bin/bash
# A private PostgreSQL and Redis on free loopback ports, for tests, benchmarks and `make run`.
#
#   services.sh start DIR [--durable] [postgres] [redis]    both, unless named
#   services.sh stop DIR [--now] [postgres] [redis]         --now: as if it had crashed
#
# DIR keeps the data, the passwords and, from one start to the next, the ports. DIR/env exports what the services
# read, and TANDEM_POSTGRES_PID, TANDEM_REDIS_PID and TANDEM_PG_BIN for tests. Without --durable PostgreSQL
# does not wait for the disk: its data survives crashes of processes, not of the machine.
#
# PostgreSQL refuses to run as root: for root both run as the user "postgres".
set -euo pipefail

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

[ $# -ge 2 ] || usage
action=$1
dir=$2
shift 2
durable=no
now=no
which=()
for word in "$@"; do
    case $word in
    --durable) durable=yes ;;
    --now) now=yes ;;
    postgres | redis) which+=("$word") ;;
    *) usage ;;
    esac
done
[ ${#which[@]} -gt 0 ] || which=(postgres redis)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

die() {
    echo "services: $*" >&2
    exit 1
}

pg_bin() {
    local newest
    newest=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true)
    if [ -n "$newest" ]; then
        dirname "$newest"
    else
        dirname "$(command -v initdb || die "PostgreSQL is not installed (Debian's package: postgresql)")"
    fi
}

# ---- whom the servers run as ----

# Sets run_as, the words before a server's command. A folder that only root may enter, such as /root, would keep the
# other user out of DIR: then it gets the capability to enter it, and only then.
choose_user() {
    run_as=()
    [ "$(id -u)" -eq 0 ] || return 0
    id postgres >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin postgres
    run_as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chmod 755 "$dir"
    if ! "${run_as[@]}" test -x "$dir"; then
        run_as+=(--inh-caps=+dac_override --ambient-caps=+dac_override)
    fi
}

# A folder of DIR that belongs to that user.
own_folder() {
    mkdir -p "$dir/$1"
    chmod 700 "$dir/$1"
    if [ "$(id -u)" -eq 0 ]; then chown postgres:postgres "$dir/$1"; fi
}

# A file of DIR with a random password, made once.
password() {
    [ -s "$dir/$1" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/$1")
    cat "$dir/$1"
}

# ---- ports ----

in_use() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Tries start_one with the port used last time, then with random ones below those that the system hands out itself.
with_port() {
    local name=$1 port
    port=$(cat "$dir/$name.port" 2>/dev/null || true)
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if [ -n "$port" ] && ! in_use "$port" && "start_$name" "$port"; then
            echo "$port" >"$dir/$name.port"
            return 0
        fi
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    done
    tail -n 5 "$dir/$name/log" >&2 || true
    die "$name does not start; see $dir/$name/log"
}

# ---- PostgreSQL ----

pg_ctl() {
    (cd / && "${run_as[@]}" "$bin/pg_ctl" -D "$dir/postgres/data" -s -w "$@")
}

start_postgres() {
    local options="-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    [ $durable = yes ] || options+=" -c fsync=off -c full_page_writes=off"
    pg_ctl -t 60 -l "$dir/postgres/log" -o "$options" start 2>/dev/null
}

init_postgres() {
    local password_file=$dir/postgres/password
    [ ! -s "$dir/postgres/data/PG_VERSION" ] || return 0
    password postgres.admin >"$password_file"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$password_file"; fi
    (cd / && "${run_as[@]}" "$bin/initdb" -D "$dir/postgres/data" --username=postgres \
        --pwfile="$password_file" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync) >"$dir/postgres/initdb.log" 2>&1 || {
        cat "$dir/postgres/initdb.log" >&2
        die "initdb failed"
    }
    rm "$password_file"
}

# The role and the database that the event handler gets; harmless when they exist.
create_database() {
    local role_password port
    role_password=$(password postgres.password)
    port=$(cat "$dir/postgres.port")
    PGPASSWORD=$(password postgres.admin) "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres \
        -d postgres >/dev/null <<SQL
SELECT 'CREATE ROLE nostr LOGIN CREATEDB' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nostr') \gexec
ALTER ROLE nostr PASSWORD '$role_password';
SELECT 'CREATE DATABASE nostr OWNER nostr' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'nostr') \gexec
SQL
}

up_postgres() {
    bin=$(pg_bin)
    own_folder postgres
    init_postgres
    if ! pg_ctl status >/dev/null 2>&1; then
        with_port postgres
    fi
    create_database
}

down_postgres() {
    local mode=fast
    [ $now = no ] || mode=immediate
    bin=$(pg_bin)
    if pg_ctl status >/dev/null 2>&1; then
        pg_ctl -t 30 -m $mode stop
    fi
}

# ---- Redis ----

redis_pid() {
    cat "$dir/redis/pid" 2>/dev/null || true
}

redis_lives() {
    local pid
    pid=$(redis_pid)
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && grep -qs redis "/proc/$pid/comm"
}

redis_answers() {
    REDISCLI_AUTH=$(password redis.password) redis-cli -h 127.0.0.1 -p "$1" ping 2>/dev/null | grep -q PONG
}

start_redis() {
    # Redis only rings the doorbell: nothing of it needs to be on disk. The file holds the password, hence the pipe.
    (cd "$dir/redis" && "${run_as[@]}" redis-server - >/dev/null <<CONF
bind 127.0.0.1
port $1
requirepass $(password redis.password)
daemonize yes
dir $dir/redis
pidfile $dir/redis/pid
logfile $dir/redis/log
save ""
appendonly no
CONF
    ) || return 1
    for _ in $(seq 100); do
        redis_answers "$1" && return 0
        sleep 0.05
    done
    return 1
}

up_redis() {
    command -v redis-server >/dev/null || die "Redis is not installed (Debian's package: redis-server)"
    own_folder redis
    redis_lives || with_port redis
}

down_redis() {
    local pid signal=TERM
    redis_lives || return 0
    pid=$(redis_pid)
    [ $now = no ] || signal=KILL
    kill -$signal "$pid"
    for _ in $(seq 200); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    rm -f "$dir/redis/pid"
}

# ---- what the services read ----

write_env() {
    (
        umask 077
        cat >"$dir/env.new" <<ENV
export PGHOST_WRITE=127.0.0.1
export PGPORT_WRITE=$(cat "$dir/postgres.port" 2>/dev/null || echo 5432)
export PGUSER_WRITE=nostr
export PGPASSWORD_WRITE=$(password postgres.password)
export PGDATABASE_WRITE=nostr
export REDIS_HOST=127.0.0.1
export REDIS_PORT=$(cat "$dir/redis.port" 2>/dev/null || echo 6379)
export REDIS_PASSWORD=$(password redis.password)
export TANDEM_PG_BIN=$(pg_bin)
export TANDEM_POSTGRES_PID=$(head -n 1 "$dir/postgres/data/postmaster.pid" 2>/dev/null || true)
export TANDEM_REDIS_PID=$(redis_pid)
ENV
    )
    mv "$dir/env.new" "$dir/env"
}

choose_user
case $action in
start)
    for one in "${which[@]}"; do "up_$one"; done
    write_env
    ;;
stop)
    for one in "${which[@]}"; do "down_$one"; done
    ;;
*) usage ;;
esac
