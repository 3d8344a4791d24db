#!/bin/bash
# Makes the users of this folder, or sets them to what the files say now. ClickHouse's image runs it once, on an empty data folder; run it again
# by hand after a change: docker compose exec clickhouse bash /docker-entrypoint-initdb.d/apply.sh
# The administrator comes from CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, which clickhouse-client reads by itself. Passwords are bound parameters.
set -euo pipefail
for file in /etc/rvbbit/users/*.sql; do
    clickhouse-client --host 127.0.0.1 --multiquery \
        --param_collector_password="${RVBBIT_COLLECTOR_PASSWORD:?}" \
        --param_auditor_password="${RVBBIT_AUDITOR_PASSWORD:?}" \
        --param_grafana_password="${RVBBIT_GRAFANA_PASSWORD:?}" <"$file"
done
