-- The same spans as otel_traces has.
INSERT INTO stock_otel_traces SELECT * EXCEPT (caller_id, session_id) FROM otel_traces
SETTINGS max_threads = 1, max_insert_threads = 1
