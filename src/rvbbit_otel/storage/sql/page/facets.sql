-- What values rows of a time range have, and how many rows each, for the filters beside the list.
SELECT facet, value, sum(rows) AS rows
FROM
(
    SELECT rows, arrayJoin(pairs) AS pair, pair.1 AS facet, pair.2 AS value
    FROM
    (
        SELECT
            [('kind', kind), ('model', model), ('source', source), ('status', status), ('priced', priced), ('service', service)] AS pairs,
            rows
        FROM
        (
            -- Few rows differ in these, so they are counted together first.
            SELECT
                toString(unified_logs.kind) AS kind,
                toString(unified_logs.model) AS model,
                if(caller_id = '', 'none', toString(caller_source)) AS source,
                if(error != '', 'error', 'ok') AS status,
                multiIf(cost_source IN ('unpriced', 'awaited'), 'unpriced', startsWith(cost_source, 'computed '), 'computed', toString(cost_source)) AS priced,
                toString(service_name) AS service,
                count() AS rows
            FROM unified_logs
            WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
                AND ({caller:String} = '' OR caller_id = {caller:String})
                AND ({session:String} = '' OR session_id = {session:String})
            GROUP BY kind, model, source, status, priced, service
        )
    )
)
WHERE value != ''
GROUP BY facet, value
ORDER BY facet, rows DESC, value
LIMIT 12 BY facet
