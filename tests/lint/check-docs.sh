#!/bin/bash
# The documents against the programs and the tree:  check-docs.sh FOLDER-WITH-PROGRAMS [--write]
#   docs/CONFIG.md holds each service's settings between "<!-- settings: SERVICE -->" and "<!-- end -->"; they must be
#   what `SERVICE --config-markdown` prints. --write puts them there.
#   Links between our own documents must lead somewhere.
set -euo pipefail
cd "$(dirname "$0")/../.."

programs=$1
config=docs/CONFIG.md
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The document with the tables as the programs print them.
generate() {
    local service line copying=yes
    while IFS= read -r line; do
        [ $copying = yes ] || [ "$line" = '<!-- end -->' ] || continue
        if [ "$line" = '<!-- end -->' ]; then
            copying=yes
            echo
        fi
        printf '%s\n' "$line"
        service=$(sed -n 's/^<!-- settings: \([a-z-]*\) -->$/\1/p' <<<"$line")
        if [ -n "$service" ]; then
            copying=no
            "$programs/$service" --config-markdown
        fi
    done <$config
}

if [ ! -e $config ]; then
    echo "$config: does not exist"
    exit 1
fi
for service in websocket-handler event-handler; do
    if ! grep -q "^<!-- settings: $service -->$" $config; then
        echo "$config: has no line <!-- settings: $service -->"
        status=1
    fi
done
generate >"$work/CONFIG.md"
if [ "${2:-}" = --write ]; then
    cp "$work/CONFIG.md" $config
elif ! diff -u $config "$work/CONFIG.md"; then
    echo "$config: differs from the settings tables; make docs writes it anew"
    status=1
fi

# Links outside code blocks, one per line.
links() {
    awk '/^```/ {code = !code} !code' "$1" | grep -o '](\([^) ]*\))' | sed 's/^](//; s/)$//'
}

for document in *.md docs/*.md; do
    [ -e "$document" ] || continue
    while IFS= read -r target; do
        case $target in http://* | https://* | mailto:* | ws://* | '#'* | '') continue ;; esac
        if [ ! -e "$(dirname "$document")/${target%%#*}" ]; then
            echo "$document: links to $target, which does not exist"
            status=1
        fi
    done < <(links "$document")
done
exit $status
