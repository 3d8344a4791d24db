"""Log records (Python's `logging` among them) get their caller as spans do."""

from __future__ import annotations

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from rvbbit_otel.attributes import CALLER_ID, CALLER_SOURCE, CASCADE_ID, SESSION_ID
from rvbbit_otel.attribution.propagation import copied_from
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import Stamper, own_cascade
from rvbbit_otel.clean_text import clean, clean_attributes
from rvbbit_otel.counters import Counters


class CallerLogRecordProcessor(LogRecordProcessor):
    """Stamps each log record by the context that it was emitted in; must run before the processor that exports."""

    def __init__(self, registry: EchoRegistry | None = None, counters: Counters | None = None) -> None:
        """Stamp by the sessions of `registry`; None: by those of no runner, so by blocks, jobs and baggage alone."""
        registry = EchoRegistry() if registry is None else registry
        self._counters = counters or registry.counters
        self._stamper = Stamper(registry, self._counters)
        self.active = True

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Stamp one record."""
        if not self.active:
            return
        try:
            _clean(log_record)
            record = log_record.log_record
            attributes = record.attributes or {}
            length, room = getattr(attributes, "max_value_len", None), getattr(attributes, "maxlen", None)
            if length is not None:
                # As long as the limit, so it may have been cut: two callers would become one.
                cut = {key for key in (CALLER_ID, SESSION_ID) if len(str(attributes.get(key, ""))) >= length}
                attributes = {key: value for key, value in attributes.items() if key not in cut}
            stamp = self._stamper.stamp(attributes, record.context)
            if stamp[CALLER_SOURCE] == "none" and CALLER_ID in attributes:
                not_ours = {CALLER_ID, *copied_from(record.context, attributes)}
                attributes = {key: value for key, value in attributes.items() if key not in not_ours}
            if CASCADE_ID in attributes:
                stamp = own_cascade(stamp)
            if isinstance(attributes, BoundedAttributes) and (room is None or len(attributes) + len(stamp) <= room):
                for key, value in stamp.items():
                    attributes[key] = value
            else:
                # A mapping without the limits, which would cut and evict ids.
                stamped = BoundedAttributes(attributes={**attributes, **stamp}, immutable=False)
                stamped.dropped = getattr(record.attributes, "dropped", 0)
                record.attributes = stamped
            self._counters.add(f"log_records.{stamp[CALLER_SOURCE]}")
        except Exception as error:  # noqa: BLE001 - on_emit runs inside the host's call
            self._counters.error("log_processor.on_emit", error)

    def shutdown(self) -> None:
        """Stamp nothing more."""
        self.active = False

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """There is nothing to flush."""
        return True


def _clean(emitted: ReadWriteLogRecord) -> None:
    """Make every text of a record fit for OTLP: one that is not costs the exporter the whole batch, and everybody's records in it."""
    record = emitted.log_record
    record.body = clean(record.body)
    if record.severity_text:
        record.severity_text = clean(record.severity_text)
    if record.event_name:
        record.event_name = clean(record.event_name)
    record.attributes = clean_attributes(record.attributes)
    scope = emitted.instrumentation_scope
    if scope is not None:
        parts = scope.name, scope.version, scope.schema_url, scope.attributes
        cleaned_parts = clean(parts)
        if cleaned_parts is not parts:
            emitted.instrumentation_scope = InstrumentationScope(*cleaned_parts)
