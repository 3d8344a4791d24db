"""Raw OTLP bytes into the store: the INSERT statements, with the protobuf schema that the engine reads them by.

Use: ``send_insert(traces_insert(), "ProtobufSingle")``, append the body of an ExportTraceServiceRequest, finish. Several bodies, one after
the other, are one valid request, and one block: the guards against doubles look at a block at a time. An unreadable body raises and stores
nothing. What is refused span by span is counted in `rejected_spans`.
"""

from __future__ import annotations

from functools import cache

from rvbbit_otel.storage.files import read


@cache
def traces_insert() -> str:
    """The INSERT for the bytes of one ExportTraceServiceRequest."""
    return _insert("otlp_traces_in", "TracesData")


@cache
def logs_insert() -> str:
    """The INSERT for the bytes of one ExportLogsServiceRequest."""
    return _insert("otlp_logs_in", "LogsData")


def _insert(table: str, message: str) -> str:
    # The schema goes where SQL allows no bound parameter; it is a file of this package.
    schema = read("otlp.proto").replace("\\", "\\\\").replace("'", "''")
    settings = f"format_schema_source = 'string', format_schema = '{schema}', format_schema_message_name = '{message}'"
    return f"INSERT INTO {table} SETTINGS {settings}"
