#!/bin/bash
# The dashboard and the alerts name only metrics that exist, every alert has its paragraph in docs/OPERATIONS.md, and the
# files parse.
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=deploy/observability
status=0
complain() {
    echo "$dir: $1"
    status=1
}

known=$(cat websocket-handler/metrics.c event-handler/metrics.c | tr '\n' ' ' | grep -oE '"tandem_[a-z_]+", *METRIC_[A-Z]+' |
    sed -E 's/"([a-z_]+)", *METRIC_(.*)/\1 \2/')
exists() {
    local name=$1
    grep -qE "^$name (COUNTER|GAUGE)$" <<<"$known" && return 0
    grep -qE "^${name%_*} HISTOGRAM$" <<<"$known" && [[ $name =~ _(bucket|sum|count)$ ]]
}
while read -r name; do
    exists "$name" || complain "$name is no metric of ours"
done < <(grep -rhoE 'tandem_[a-z_]+' $dir | sort -u)
while read -r alert; do
    grep -q "^### $alert$" docs/OPERATIONS.md || complain "$alert has no paragraph in docs/OPERATIONS.md"
done < <(sed -n 's/^ *- alert: *//p' $dir/alerts.yml)
python3 - $dir/grafana-dashboard.json <<'PY' || status=1
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
ids = [p["id"] for p in panels]
assert len(ids) == len(set(ids)), "two panels with one id"
for p in panels:
    assert p["type"] == "row" or all(t["expr"] for t in p["targets"]), p["title"]
PY
exit $status
