"""Keeps spans and log records in memory, stamped, repaired and redacted as they would leave the process."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, cast

from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor
from rvbbit_otel.testing.recorded import Recorded

# A provider keeps what was added to it, so each gets one exporter, which gives to whoever records now.
_attached: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_recording: Final[list[Recorder]] = []


class Recorder:
    """Records the spans and log records of a block of a test. New in version 0.1.

    ``with Recorder() as recorder: ...`` switches the instrumentation on, with `options` of
    `RvbbitInstrumentor().instrument()`, unless it is on already, and off again. Spans of the global provider are
    recorded; if none is set, an SDK's is set and stays for this process, as OpenTelemetry has it. Recorders nest;
    each records everything. Raises ConfigurationError for an option that does not exist, or for options while the
    instrumentation is on.
    """

    def __init__(self, **options: Any) -> None:
        """Nothing is recorded before the block begins."""
        self._options = options
        self._switched_on = False
        self._spans: list[Recorded] = []
        self._records: list[Recorded] = []

    def __enter__(self) -> Recorder:
        """Begin to record."""
        tracing, logging = _providers()
        if RvbbitInstrumentor().current is None:
            RvbbitInstrumentor().instrument(tracer_provider=tracing, logger_provider=logging, **self._options)
            self._switched_on = True
        elif self._options:
            raise ConfigurationError(
                f"the instrumentation is on already, so Recorder can't set {', '.join(sorted(self._options))}: switch it off first"
            )
        _recording.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record no more; what was recorded stays."""
        _recording.remove(self)
        if self._switched_on:
            RvbbitInstrumentor().uninstrument()
            self._switched_on = False

    @property
    def spans(self) -> tuple[Recorded, ...]:
        """The spans that have ended, in the order of their ends, those that the instrumentation makes among them."""
        return tuple(self._spans)

    @property
    def records(self) -> tuple[Recorded, ...]:
        """The log records, in their order."""
        return tuple(self._records)

    def named(self, name: str) -> Recorded:
        """Return the one span of this name; raise LookupError, naming those that there are, unless it is exactly one."""
        found = [span for span in self._spans if span.name == name]
        if len(found) != 1:
            names = ", ".join(sorted({span.name for span in self._spans})) or "none"
            raise LookupError(f"{len(found)} spans are named {name!r}; there are {names}")
        return found[0]

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self._spans.clear()
        self._records.clear()

    def _take(self, spans: Sequence[Recorded], records: Sequence[Recorded]) -> None:
        self._spans.extend(spans)
        self._records.extend(records)


class _Spans(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        found = [Recorded.of(span.name, span.attributes or {}) for span in spans]
        for recorder in list(_recording):
            recorder._take(found, ())
        return SpanExportResult.SUCCESS


class _Records(LogRecordExporter):
    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        records = [each.log_record for each in batch]
        found = [Recorded.of(str(record.body), record.attributes or {}) for record in records]
        for recorder in list(_recording):
            recorder._take((), found)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """There is nothing to end."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """There is nothing to flush."""
        return True


def _providers() -> tuple[TracerProvider, LoggerProvider]:
    """The global providers, each with an exporter of ours."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    if not isinstance(_logs.get_logger_provider(), LoggerProvider):
        _logs.set_logger_provider(LoggerProvider())
    tracing, logging = trace.get_tracer_provider(), _logs.get_logger_provider()
    if not (isinstance(tracing, TracerProvider) and isinstance(logging, LoggerProvider)):
        raise ConfigurationError(
            f"the global provider is {type(tracing).__name__}, which takes no processor: set OpenTelemetry's SDK up before Recorder, or none"
        )
    if tracing not in _attached:
        _attached.add(tracing)
        tracing.add_span_processor(SimpleSpanProcessor(_Spans()))
    if logging not in _attached:
        _attached.add(logging)
        logging.add_log_record_processor(SimpleLogRecordProcessor(cast("LogRecordExporter", _Records())))
    return tracing, logging
