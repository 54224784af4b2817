#!/bin/bash
# clang-tidy over sources, several at a time:  tidy.sh FLAG... -- FILE...
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

flags=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    flags+=("$1")
    shift
done
shift

# A file sees common and its own service, as in the Makefile. Warnings of gcc alone mean nothing to clang.
tidy() {
    local file=$1
    shift
    clang-tidy --quiet "$file" -- "$@" -Wno-unknown-warning-option -Icommon "-I${file%%/*}" 2>/dev/null
}
export -f tidy

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy "$@"' tidy {} "${flags[@]}"
