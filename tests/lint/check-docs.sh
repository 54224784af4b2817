#!/bin/bash
# The documents against the programs and the tree:  check-docs.sh FOLDER-WITH-PROGRAMS [--write]
#   docs/CONFIG.md holds each service's settings between "<!-- settings: SERVICE -->" and "<!-- end -->"; they must be
#   what `SERVICE --config-markdown` prints. --write puts them there.
#   Links between our own documents must lead somewhere.
#   What docs/POLICY.md and deploy/env.example tell to set must reach the services of docker-compose.yml: a setting that
#   stays behind in .env would leave a private relay open.
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

# The variables of a service in docker-compose.yml.
passed() {
    awk -v service="  $1:" '/^  [a-z-]+:$/ {mine = ($0 == service)} mine' docker-compose.yml | sed -n 's/^      \([A-Z_0-9]*\): .*/\1/p'
}

# Those that name a file or a program, for which an image or a volume of one's own is needed.
needs_files='POLICY_BLOCKED_PATTERNS|POLICY_PLUGIN[A-Z_]*'
for service in websocket-handler event-handler; do
    "$programs/$service" --config-markdown | sed -n 's/^| .\([A-Z_0-9]*\). |.*/\1/p' | sort >"$work/known"
    while IFS= read -r name; do
        passed $service | grep -qx "$name" && continue
        echo "docker-compose.yml: does not pass $name to $service, though docs/POLICY.md or deploy/env.example tells to set it"
        status=1
    done < <(grep -ohE '\b[A-Z0-9]+(_[A-Z0-9]+)+\b' docs/POLICY.md deploy/env.example | sort -u | comm -12 - "$work/known" | grep -vxE "$needs_files")
done

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
