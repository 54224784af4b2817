#!/bin/bash
# Installs what is missing, and nothing else:  deps.sh GROUP...   (build, run, test, lint, coverage)
# Debian and Ubuntu. Says what to install by hand where apt or the right to use it is missing.
set -euo pipefail

missing=()

# need PACKAGE [COMMAND]: the package, unless the command (or, without one, the package) is there.
need() {
    if [ $# -gt 1 ]; then
        command -v "$2" >/dev/null || missing+=("$1")
    else
        dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q ' installed$' || missing+=("$1")
    fi
}

have_postgres() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

node_major() {
    node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p'
}

for group in "$@"; do
    case $group in
    build)
        need gcc gcc
        need make make
        need pkgconf pkg-config
        for library in libc6-dev libuv1-dev libwslay-dev libcurl4-openssl-dev libhiredis-dev \
            libmicrohttpd-dev libpq-dev libjansson-dev libsecp256k1-dev libssl-dev zlib1g-dev; do
            need $library
        done
        ;;
    run)
        have_postgres || missing+=(postgresql)
        need redis-server redis-server
        ;;
    test)
        need libcmocka-dev
        need clang clang
        need ca-certificates
        need nodejs node
        need npm npm
        ;;
    lint)
        need clang-tidy clang-tidy
        need clang-format clang-format
        need shellcheck shellcheck
        ;;
    coverage)
        need lcov lcov
        ;;
    *)
        echo "deps.sh: no group called $group" >&2
        exit 2
        ;;
    esac
done

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
    if ! command -v apt-get >/dev/null; then
        echo "Please install what these Debian packages hold, then try again: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "Please run as root, then try again: apt-get install $*" >&2
        exit 1
    fi
    echo "Installing: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ ${#missing[@]} -gt 0 ]; then
    install "${missing[@]}"
fi

# Which package holds clang's sanitizer and fuzzer runtimes depends on clang's version.
case " $* " in *" test "*)
    runtime=$(clang -print-resource-dir)/lib/linux
    if ! compgen -G "$runtime/libclang_rt.fuzzer-*" >/dev/null; then
        install "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    fi
    if [ "$(node_major)" -lt 18 ]; then
        echo "The end-to-end tests need Node.js 18 or newer; this is $(node --version)." >&2
        exit 1
    fi
    ;;
esac
