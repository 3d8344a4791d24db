"""Raw OTLP bytes into the store: the INSERT statements, with the protobuf schema that the engine reads them by.

Use: ``send_insert(traces_insert(), "ProtobufSingle")``, append the body of an ExportTraceServiceRequest, finish. Several bodies, one after
the other, are one valid request. An unreadable body raises and stores nothing. What is refused span by span is counted in `rejected_spans`.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from rvbbit_otel.storage.files import read

# One block an insert: the guards against doubles look at a block at a time, so a block is never cut into pieces. The door bounds a body
# far below this.
_ONE_BLOCK: Final = 10_000_000


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
    settings = {
        "format_schema_source": "'string'",
        "format_schema": f"'{schema}'",
        "format_schema_message_name": f"'{message}'",
        "max_block_size": str(_ONE_BLOCK),
        "max_insert_block_size": str(_ONE_BLOCK),
        "min_insert_block_size_rows": str(_ONE_BLOCK),
        "min_insert_block_size_bytes": "0",
    }
    return " ".join(("INSERT INTO", table, "SETTINGS", ", ".join(" = ".join(setting) for setting in settings.items())))
