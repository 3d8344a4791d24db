"""Raw OTLP into the store: the INSERT statements, with the protobuf schema that the engine reads them by.

What they take is an export request as `all_in_one.otlp_requests.prepare` gives it: known fields only, every text UTF-8, lists and maps as JSON
text. Of a request as it came, lists and maps would be lost, and one field of the wrong kind would refuse it. Several, one after the other, are one
valid request, and one block: the guards against doubles look at a block at a time. What is refused span by span is counted in `rejected_spans`.
"""

from __future__ import annotations

from functools import cache

from rvbbit_otel.storage.files import read


@cache
def traces_insert() -> str:
    """The INSERT for the bytes of a prepared ExportTraceServiceRequest."""
    return _insert("otlp_traces_in", "TracesData")


@cache
def logs_insert() -> str:
    """The INSERT for the bytes of a prepared ExportLogsServiceRequest."""
    return _insert("otlp_logs_in", "LogsData")


def _insert(table: str, message: str) -> str:
    # The schema goes where SQL allows no bound parameter; it is a file of this package.
    schema = read("otlp.proto").replace("\\", "\\\\").replace("'", "''")
    settings = f"format_schema_source = 'string', format_schema = '{schema}', format_schema_message_name = '{message}'"
    return f"INSERT INTO {table} SETTINGS {settings}"
