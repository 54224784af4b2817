#!/bin/bash
# blueprint.sh DIR: writes the folder DIR/tandem as Dokploy's template gallery wants it (blueprints/tandem there).
#
# It is the repository's own docker-compose.yml, with two differences that the gallery's rules ask for: it begins with a
# version, and names no networks, since Dokploy gives each stack its own.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1/tandem"
folder=$(cd "$1/tandem" && pwd)
cd "$(dirname "$0")/../.."

# Comments go too: they speak to whoever has the repository, and of networks.
awk '
    BEGIN { print "version: \"3.8\"\n" }
    /^ *#/ { next }
    { indent = match($0, /[^ ]/) - 1 }
    skipping && NF && indent > depth { next }
    { skipping = 0 }
    /^ *networks:$/ { skipping = 1; depth = indent; next }
    { lines[++n] = $0 }
    END {
        for (i = 1; i <= n; i++)
            if (lines[i] != "" || lines[i - 1] != "")
                print lines[i]
    }
' docker-compose.yml >"$folder/docker-compose.yml"
cp template.toml meta.json tandem.svg "$folder/"
