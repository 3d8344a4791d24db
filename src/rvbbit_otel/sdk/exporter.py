"""The last look at a span before it leaves: what could not be known when it started, what the SDK dropped since, and what may not leave."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.types import AnyValue

from rvbbit_otel.attributes import CALLER_CONFLICT, CALLER_DIGEST, CALLER_ID, CALLER_SOURCE, CONTENT_KEYS, SESSION_ID
from rvbbit_otel.attribution.caller import valid_caller_id
from rvbbit_otel.attribution.propagation import BAGGAGE_KEYS, TRAVELLED
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import DISOWNED_SLOT, OWN_SLOT, RUN_SLOT, STAMP_SLOT, Stamper
from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.records import Redactor
from rvbbit_otel.redaction.values import without_message

Parts = Callable[[Sequence[ReadableSpan]], Iterable[Sequence[ReadableSpan]]]


class RepairingSpanExporter(SpanExporter):
    """Any exporter, with stamps set right on the way to it.

    A stamp that was made at the start is final. What is mended, by a copy of the span, since an ended span can't be changed: a session id that was
    set after the start on a span of nobody's (source ``repair``), a caller that was set after the start (``explicit``), and what the SDK
    evicted or cut by its limits (source as it was). Then what may not leave is taken out, by a copy, too.

    on_their_way, given_up: how many spans it has now, and how many did not reach their target.
    """

    on_their_way = given_up = 0

    def __init__(
        self,
        inner: SpanExporter,
        registry: EchoRegistry,
        counters: Counters | None = None,
        redactor: Redactor | None = None,
        on_success: Callable[[], None] = lambda: None,
    ) -> None:
        """Mend by the sessions of `registry`, redact, then hand over to `inner`, in the parts that `parts` makes of a batch; each success is told."""
        self.inner = inner
        self.redactor = redactor
        self.parts: Parts = lambda spans: (spans,)
        self._counters = counters or registry.counters
        self._on_success = on_success
        self._stamper = Stamper(registry, self._counters)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans, mended where they need it; those that the exporter gave up are counted.

        What the exporter raises is raised once every part was tried.
        """
        failed, raised = 0, None
        self.on_their_way = len(spans)
        leaving: Sequence[ReadableSpan] = ()
        try:
            leaving = self._safe(spans)
        except Exception as error:  # noqa: BLE001 - what can't be looked at does not leave
            self._counters.error("repair.redaction", without_message(error))
            self._counters.add("dropped.not_redactable", len(spans))
            leaving = ()
        for part in self._in_parts(leaving) if leaving else ():
            try:
                done = self.inner.export(part) is not SpanExportResult.FAILURE
            except Exception as error:  # noqa: BLE001 - raised below, unchanged
                done, raised = False, error
            if not done:
                failed += len(part)
                continue
            try:
                self._on_success()
            except Exception as error:  # noqa: BLE001 - the spans have left
                self._counters.error("repair.success", error)
        self.given_up += failed
        self.on_their_way = 0
        try:
            if failed:
                self._counters.add("dropped.export_failed", failed)
        except Exception as error:  # noqa: BLE001 - what is to be told is told below
            self._counters.error("repair.count", error)
        if raised is not None:
            raise raised
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def _safe(self, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
        """The spans mended and redacted. One that can't be redacted is left out, and counted."""
        leaving = []
        for span in spans:
            mended = span
            try:
                mended = self._mended(span)
            except Exception as error:  # noqa: BLE001 - a span that can't be mended is still exported
                self._counters.error("repair.export", error)
            try:
                leaving.append(mended if self.redactor is None else self.redactor.span(mended))
            except Exception as error:  # noqa: BLE001 - and one that can't be redacted is not
                self._counters.error("repair.redaction", without_message(error))
                self._counters.add("dropped.not_redactable")
        return leaving

    def _in_parts(self, spans: Sequence[ReadableSpan]) -> Iterator[Sequence[ReadableSpan]]:
        """The parts of a batch; where they can't be made, all that is left of it as one."""
        given: set[int] = set()
        try:
            for part in self.parts(spans):
                given.update(map(id, part))
                yield part
        except Exception as error:  # noqa: BLE001 - the spans leave, if slower
            self._counters.error("repair.parts", error)
            left = [span for span in spans if id(span) not in given]
            if left:
                yield left

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self.inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self.inner.force_flush(timeout_millis)

    def _mended(self, span: ReadableSpan) -> ReadableSpan:
        attributes = span._attributes
        entries: Mapping[str, AnyValue] = getattr(attributes, "_dict", attributes) or {}
        stamp: Mapping[str, str] | None = getattr(attributes, STAMP_SLOT, None)
        if stamp is None:
            # A processor may put a mapping of its own in the place of the attributes: what was stamped stands in it as it was.
            stamp = {key: str(entries[key]) for key in (CALLER_ID, CALLER_SOURCE) if key in entries}
            stamp = stamp if CALLER_SOURCE in stamp else {}
        changes: dict[str, AnyValue] = {}
        if not stamp.keys() <= entries.keys():
            changes.update((key, value) for key, value in stamp.items() if key not in entries)
            self._counters.add("repaired.evicted")
        if getattr(attributes, "max_value_len", None) is not None or getattr(attributes, "dropped", 0) > 0:
            self._restore(changes, attributes, entries, stamp)
        if entries.get(CALLER_SOURCE) == TRAVELLED != stamp.get(CALLER_SOURCE, TRAVELLED) and _is_copy(entries, stamp):
            changes.update({key: stamp.get(key) for key in BAGGAGE_KEYS if key in entries and key != CALLER_DIGEST})
            entries = {key: value for key, value in {**entries, **changes}.items() if value is not None}
        if entries.get(CALLER_ID) != stamp.get(CALLER_ID) and CALLER_ID not in changes and CALLER_ID in entries:
            self._set_by_hand(changes, attributes, entries[CALLER_ID], stamp)
        elif (
            SESSION_ID in entries
            and stamp.get(CALLER_SOURCE, "none") == "none"
            and not getattr(attributes, DISOWNED_SLOT, False)
        ):
            run: int | None = getattr(attributes, RUN_SLOT, None)
            late = self._stamper.late_stamp(entries[SESSION_ID], run, span.start_time or 0, span.end_time or 0)
            if late is not None:
                self._counters.add("repaired.late_session")
                changes.update({**late, CALLER_SOURCE: "repair"})
        return _with(span, changes) if changes else span

    def _restore(
        self,
        changes: dict[str, AnyValue],
        attributes: object,
        entries: Mapping[str, AnyValue],
        stamp: Mapping[str, str],
    ) -> None:
        """Put back what the SDK's limits evicted or cut, but for content, which they may cut."""
        own: Mapping[str, AnyValue] = getattr(attributes, OWN_SLOT, {})
        for key, value in (*own.items(), *stamp.items()):
            if key not in entries:
                changes[key] = value
            elif key not in CONTENT_KEYS and key != CALLER_ID and _is_cut(entries[key], value):
                changes[key] = value
                self._counters.add("repaired.cut")

    def _set_by_hand(
        self, changes: dict[str, AnyValue], attributes: object, stated: AnyValue, stamp: Mapping[str, str]
    ) -> None:
        """A caller that was set after the start wins; one that breaks the format, or may have been cut, is nobody's."""
        known = valid_caller_id(stated) if isinstance(stated, str) else None
        limit: int | None = getattr(attributes, "max_value_len", None)
        if known is None or (limit is not None and len(known) >= limit):
            self._counters.add("invalid_ids.caller")
            changes.update({CALLER_ID: None, CALLER_SOURCE: "none"})
            return
        changes[CALLER_SOURCE] = "explicit"
        if stamp.get(CALLER_ID) is not None:
            changes[CALLER_CONFLICT] = stamp[CALLER_ID]


def _is_copy(entries: Mapping[str, AnyValue], stamp: Mapping[str, str]) -> bool:
    """Return whether a processor behind ours copied baggage over the stamp: the id is the one that was stamped, or
    one that lost to it.
    """
    return stamp[CALLER_SOURCE] == "none" or entries.get(CALLER_ID) in (stamp[CALLER_ID], stamp.get(CALLER_CONFLICT))


def _is_cut(left: AnyValue, whole: AnyValue) -> bool:
    return isinstance(left, str) and isinstance(whole, str) and len(left) < len(whole) and whole.startswith(left)


def _with(span: ReadableSpan, changes: Mapping[str, AnyValue]) -> ReadableSpan:
    """A copy of the span with other attributes (None: without one); its counts of dropped things stay true."""
    old = span._attributes
    changed = {**(old or {}), **changes}
    attributes = BoundedAttributes(attributes={key: value for key, value in changed.items() if value is not None})
    attributes.dropped = getattr(old, "dropped", 0)
    mended = copy.copy(span)
    mended._attributes = attributes
    return mended
