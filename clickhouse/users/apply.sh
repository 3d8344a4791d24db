#!/bin/bash
# Makes the users of this folder, or sets them to what the files say now. Run it after `rvbbit-otel migrate`, and again after a change of files or passwords:
#     docker compose run --rm users
# The administrator comes from CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, which clickhouse-client reads by itself. Passwords are bound parameters.
set -euo pipefail
cd "$(dirname "$0")"
client() { clickhouse-client --host "${CLICKHOUSE_HOST:-127.0.0.1}" "$@"; }
version=$(client --query "SELECT version()")
# Settings that older servers do not know are in a folder of their own.
newer=()
if [ "$(printf '26.2\n%s\n' "$version" | sort -V | head -n 1)" = 26.2 ]; then newer=(since_26_2/*.sql); fi
for file in *.sql "${newer[@]}"; do
    client --multiquery \
        --param_collector_password="${RVBBIT_COLLECTOR_PASSWORD:?}" \
        --param_auditor_password="${RVBBIT_AUDITOR_PASSWORD:?}" \
        --param_grafana_password="${RVBBIT_GRAFANA_PASSWORD:?}" <"$file"
done
