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
common/ops                    base nostr wire/take.h otel/otel.h
common/client                 base json nostr ops wire
common/otel                   base ops
common/limit                  base json nostr ops wire
websocket-handler/conn        . base json nostr ops wire limit control
websocket-handler/session     . base json nostr wire ops limit control upstream live conn/conn.h
websocket-handler/control     . base json nostr wire ops upstream
websocket-handler/manage      . base json ops upstream conn/conn_rpc.h
websocket-handler/limit       . base json nostr ops live
websocket-handler/upstream    . base json nostr wire ops otel conn/conn.h limit/subject_table.h
websocket-handler/live        . base json nostr wire ops upstream control conn/conn.h session/session.h
event-handler/store           . base json nostr ops
event-handler/query           . base json nostr wire ops otel store access
event-handler/trust           . base json nostr wire ops store client access/access.h
event-handler/access          . base json nostr wire ops store trust
event-handler/limits          . base json nostr wire ops limit
event-handler/policy          . base json nostr wire ops limit limits trust access
event-handler/retention       . base json nostr wire ops store access
event-handler/plugin          . base json nostr wire ops
event-handler/ingest          . base json nostr wire ops otel store publish policy access plugin limits retention
event-handler/publish         . base json nostr wire ops store
event-handler/manage          . base json nostr wire ops store policy access trust ingest query publish retention
event-handler/api             . base json nostr wire ops otel store query ingest publish manage access policy
'
status=0

allowed() {
    local include=$1 list=$2 folder
    folder=${include%/*}
    [ "$folder" != "$include" ] || folder=.
    for word in $list; do
        [ "$word" != "$folder" ] && [ "$word" != "$include" ] || return 0
    done
    return 1
}

while read -r layer list; do
    if [ -z "$layer" ] || [ ! -d "$layer" ]; then continue; fi
    own=${layer#*/}
    while IFS=: read -r file include; do
        [ -n "$file" ] || continue
        if ! allowed "$include" "$own $list"; then
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
