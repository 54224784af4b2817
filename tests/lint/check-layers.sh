#!/bin/bash
# Who may include whom. One rule per line below: the folder, then the folders whose headers it may include besides its
# own ("." is the top of a service). A service's build has no other service on its include path, and common none at all;
# this holds what the compiler cannot see. Tests are free.
set -euo pipefail
cd "$(dirname "$0")/../.."

rules='
common/base
common/json                   base
common/nostr                  base json
common/wire                   base json nostr
common/ops                    base
websocket-handler/conn        . base json ops
websocket-handler/session     . base json nostr wire ops upstream live conn/conn.h
websocket-handler/upstream    . base json nostr wire ops conn/conn.h
websocket-handler/live        . base json nostr wire ops upstream conn/conn.h session/session.h
event-handler/store           . base json nostr ops
event-handler/query           . base json nostr wire ops store
event-handler/ingest          . base json nostr wire ops store publish
event-handler/publish         . base json nostr wire ops store
event-handler/api             . base json nostr wire ops store query ingest publish
'
# The limits that both services enforce are described with the types that they limit.
exceptions='common/ops/shared_config.h:nostr'

status=0

allowed() {
    local file=$1 include=$2 list=$3 folder
    folder=${include%/*}
    [ "$folder" != "$include" ] || folder=.
    for word in $list; do
        [ "$word" != "$folder" ] && [ "$word" != "$include" ] || return 0
    done
    for exception in $exceptions; do
        [ "$exception" != "$file:$folder" ] || return 0
    done
    return 1
}

while read -r layer list; do
    if [ -z "$layer" ] || [ ! -d "$layer" ]; then continue; fi
    own=${layer#*/}
    while IFS=: read -r file include; do
        [ -n "$file" ] || continue
        if ! allowed "$file" "$include" "$own $list"; then
            echo "$file: $layer may not include \"$include\""
            status=1
        fi
    done < <(grep -rHo --include='*.[ch]' '^#include "[^"]*"' "$layer" | sed 's/#include "\(.*\)"$/\1/')
done <<<"$rules"

# A folder without a rule would escape all this.
for folder in common/*/ websocket-handler/*/ event-handler/*/; do
    folder=${folder%/}
    compgen -G "$folder/*.[ch]" >/dev/null || continue
    if ! grep -q "^$folder\( \|$\)" <<<"$rules"; then
        echo "$folder: has no rule in tests/lint/check-layers.sh"
        status=1
    fi
done
exit $status
