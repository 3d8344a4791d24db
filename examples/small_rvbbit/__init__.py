"""A small runner with the shape of RVBBIT: SQL over the Postgres wire, a DuckDB UDF, cascades, sessions, logs.

It knows nothing of OpenTelemetry or of rvbbit-otel. It is both the example and the test bed: what it does is deterministic, and its journal
(`journal.py`) says what really happened, so that attribution can be checked against something that attribution did not write.
"""
