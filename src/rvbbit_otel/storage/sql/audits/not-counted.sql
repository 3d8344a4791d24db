-- name: not-counted
-- kind: rule
-- title: Calls to a model of which nobody tells the usage
-- finding: One row a provider, model and span name: calls that succeeded, while no span of their session that overlaps them tells tokens or a cost. What they cost is in no sum.
-- remedy: Let the client ask for it (for OpenAI's streams `stream_options={"include_usage": True}`), or an instrumentation tell it; and count them from the provider's bill: `rvbbit-otel reconcile`.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT provider, model, name, count() AS calls, uniqExact(caller_id) AS callers, min(timestamp) AS first_at, max(timestamp) AS last_at, any(trace_id) AS example
FROM
(
    SELECT silent.*, teller.ends AS told_until
    FROM
    (
        SELECT session_id, timestamp, timestamp + toIntervalNanosecond(toInt64(duration_ms * 1000000)) + INTERVAL 1 SECOND AS until, provider, model, name, toString(caller_id) AS caller_id, trace_id
        FROM unified_logs
        WHERE kind = 'llm' AND status != 'error' AND error = '' AND told_tokens_in = 0 AND told_tokens_out = 0 AND told_cost IS NULL AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
    ) AS silent
    ASOF LEFT JOIN
    (
        SELECT session_id, timestamp AS begins, timestamp + toIntervalNanosecond(toInt64(duration_ms * 1000000)) + INTERVAL 1 SECOND AS ends
        FROM unified_logs
        WHERE (told_tokens_in != 0 OR told_tokens_out != 0 OR told_cost IS NOT NULL)
            AND timestamp >= (
                SELECT min(first_time)
                FROM session_facts
                WHERE session_id IN (SELECT session_id FROM unified_logs WHERE kind = 'llm' AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime})
            )
            AND session_id IN (SELECT session_id FROM unified_logs WHERE kind = 'llm' AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime})
    ) AS teller ON teller.session_id = silent.session_id AND teller.begins <= silent.until
)
WHERE told_until < timestamp
GROUP BY provider, model, name
ORDER BY calls DESC, provider, model, name
