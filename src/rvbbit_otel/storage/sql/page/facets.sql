-- What values rows of a time range have, and how many rows each, for the filters beside the list.
SELECT facet, value, count() AS rows
FROM
(
    SELECT arrayJoin([
        ('kind', toString(kind)),
        ('model', toString(model)),
        ('source', if(caller_id = '', 'none', toString(caller_source))),
        ('status', if(error != '', 'error', 'ok')),
        ('priced', multiIf(cost_source IN ('unpriced', 'awaited'), 'unpriced', startsWith(cost_source, 'computed '), 'computed', toString(cost_source))),
        ('service', toString(service_name))
    ]) AS pair, pair.1 AS facet, pair.2 AS value
    FROM unified_logs
    WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
        AND ({caller:String} = '' OR caller_id = {caller:String})
        AND ({session:String} = '' OR session_id = {session:String})
)
WHERE value != ''
GROUP BY facet, value
ORDER BY facet, rows DESC, value
LIMIT 12 BY facet
