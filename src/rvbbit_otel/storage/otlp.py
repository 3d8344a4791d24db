"""How raw OTLP bytes are put into the store: one INSERT a signal, in the engine's ProtobufSingle format.

The bytes are one serialized ExportTraceServiceRequest or ExportLogsServiceRequest, or several one after another, which is one valid request too.
"""

from __future__ import annotations

from rvbbit_otel.storage.files import read


def traces_insert() -> str:
    """The statement that takes spans."""
    return _insert("otlp_traces_in", "TracesData")


def logs_insert() -> str:
    """The statement that takes log records."""
    return _insert("otlp_logs_in", "LogsData")


def _insert(table: str, message: str) -> str:
    # Settings can't be bound parameters; the text is our own file, and its quotes are doubled.
    schema = read("otlp.proto").replace("\\", "\\\\").replace("'", "''")
    settings = f"format_schema_source = 'string', format_schema = '{schema}', format_schema_message_name = '{message}'"
    return f"INSERT INTO {table} SETTINGS {settings}"
