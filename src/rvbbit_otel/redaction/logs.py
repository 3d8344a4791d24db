"""Log records as they leave."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)

from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.records import Redactor
from rvbbit_otel.redaction.table import LOG_BODY
from rvbbit_otel.redaction.values import without_message

# Of these we know that they export.
EXPORTING: Final = (BatchLogRecordProcessor, SimpleLogRecordProcessor)


def redacting(inner: Any, redactor: Redactor, counters: Counters) -> RedactingLogExporter | None:
    """This exporter with redaction before it; None where there is no exporter, or where it has one already."""
    return (
        None
        if inner is None or isinstance(inner, RedactingLogExporter)
        else RedactingLogExporter(inner, redactor, counters)
    )


class RedactingLogExporter(LogRecordExporter):
    """Any exporter of log records, with content and secrets taken out on the way to it."""

    def __init__(self, inner: LogRecordExporter, redactor: Redactor, counters: Counters) -> None:
        """Hand over to `inner`."""
        self.inner = inner
        self._redactor = redactor
        self._counters = counters

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Export the records without what may not leave; one that can't be looked at is left out, and counted."""
        redacted: list[ReadableLogRecord] = []
        for record in batch:
            try:
                redacted.append(self._safe(record))
            except Exception as error:  # noqa: BLE001 - no record as we know it
                self._counters.error("redaction.log_record", without_message(error))
                self._counters.add("dropped.not_redactable")
        return self.inner.export(redacted) if redacted or not batch else LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self.inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self.inner.force_flush(timeout_millis)

    def _safe(self, record: ReadableLogRecord) -> ReadableLogRecord:
        return replace(
            record,
            log_record=self._log_record(record.log_record),
            resource=self._redactor.resource(record.resource),
            instrumentation_scope=self._redactor.scope(record.instrumentation_scope),
        )

    def _log_record(self, record: LogRecord) -> LogRecord:
        safe = copy.copy(record)
        safe.body = self._redactor.values.value(LOG_BODY, record.body)
        safe.attributes = self._redactor.attributes(record.attributes)
        if record.event_name:
            safe.event_name = self._redactor.values.name(record.event_name)
        if getattr(record, "exception", None) is not None:
            safe.exception = None  # What it says is in the attributes, redacted.
        if record.severity_text:
            safe.severity_text = self._redactor.values.value("log.severity", record.severity_text)
        return safe
