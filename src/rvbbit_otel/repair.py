"""The last look at a span before it leaves: what could not be known when it started, and what the SDK dropped since."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.types import AnyValue

from rvbbit_otel.attributes import CALLER_ID, CALLER_SOURCE, SESSION_ID
from rvbbit_otel.processor import STAMP_SLOT
from rvbbit_otel.registry import EchoRegistry
from rvbbit_otel.stamping import Stamper
from rvbbit_otel.telemetry import Counters

Parts = Callable[[Sequence[ReadableSpan]], Iterable[Sequence[ReadableSpan]]]


class RepairingSpanExporter(SpanExporter):
    """Any exporter, with stamps set right on the way to it.

    Two things are mended, by a copy of the span, since an ended span can't be changed: a session id that was set after the start (source
    ``repair``), and a stamp that the SDK evicted at its attribute limit (source as it was).
    """

    def __init__(self, inner: SpanExporter, registry: EchoRegistry, counters: Counters | None = None) -> None:
        """Mend by the sessions of `registry`, then hand over to `inner`, in the parts that `parts` makes of a batch."""
        self.inner = inner
        self.parts: Parts = lambda spans: (spans,)
        self._counters = counters or registry.counters
        self._stamper = Stamper(registry, self._counters)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans, mended where they need it; those that the exporter gave up are counted.

        What the exporter raises is raised once every part was tried.
        """
        failed, raised = 0, None
        for part in self.parts([self._mended(span) for span in spans]):
            try:
                done = self.inner.export(part) is not SpanExportResult.FAILURE
            except Exception as error:  # noqa: BLE001 - raised below, unchanged
                done, raised = False, error
            failed += 0 if done else len(part)
        if failed:
            self._counters.add("dropped.export_failed", failed)
        if raised is not None:
            raise raised
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self.inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self.inner.force_flush(timeout_millis)

    def _mended(self, span: ReadableSpan) -> ReadableSpan:
        try:
            attributes = span._attributes or {}
            missing = self._missing(attributes)
            return _with(span, missing) if missing else span
        except Exception as error:  # noqa: BLE001 - a span that can't be mended is still exported
            self._counters.error("repair.export", error)
            return span

    def _missing(self, attributes: Mapping[str, AnyValue]) -> Mapping[str, AnyValue] | None:
        stamp: Mapping[str, str] = getattr(attributes, STAMP_SLOT, {})
        attributes = getattr(
            attributes, "_dict", attributes
        )  # An ended span's entries: looked up without the mapping's own steps.
        missing: dict[str, AnyValue] = {}
        if not stamp.keys() <= attributes.keys():
            missing.update((key, value) for key, value in stamp.items() if key not in attributes)
            self._counters.add("repaired.evicted")
        session_id = attributes.get(SESSION_ID)
        if session_id is not None and stamp.get(CALLER_SOURCE) != "explicit":
            late = self._stamper.late_stamp(attributes)
            if late is not None and late[CALLER_ID] != (attributes.get(CALLER_ID) or missing.get(CALLER_ID)):
                self._counters.add("repaired.late_session")
                missing.update(late)
                missing[CALLER_SOURCE] = "repair"
        return missing


def _with(span: ReadableSpan, more: Mapping[str, AnyValue]) -> ReadableSpan:
    """A copy of the span with more attributes; its counts of dropped things stay true."""
    old = span._attributes
    attributes = BoundedAttributes(attributes={**(old or {}), **more})
    attributes.dropped = getattr(old, "dropped", 0)
    mended = copy.copy(span)
    mended._attributes = attributes
    return mended
