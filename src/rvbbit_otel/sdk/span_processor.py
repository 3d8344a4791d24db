"""The heart: every span gets its caller when it starts, third-party spans included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.util.types import AnyValue

from rvbbit_otel.attributes import CALLER_ID, CALLER_SOURCE, CASCADE_ID, SESSION_ID, SOURCES
from rvbbit_otel.attribution import stated
from rvbbit_otel.attribution.propagation import copied_from
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import DISOWNED_SLOT, MOST_ENTRIES, RUN_SLOT, STAMP_SLOT, Stamper, own_cascade
from rvbbit_otel.counters import Counters
from rvbbit_otel.sdk.private_parts import KNOWN_ATTRIBUTES, KNOWN_LIST


class CallerSpanProcessor(SpanProcessor):
    """Stamps each span with its caller and the source of that knowledge.

    Writes ``rvbbit.caller.id``, ``rvbbit.caller.source``, ``rvbbit.caller.origin`` and, where the span did not name them, ``session.id``
    and ``rvbbit.cascade.id``.
    Nothing that goes wrong in here reaches the host: it is counted and logged once, and the span stays unstamped.
    """

    def __init__(self, registry: EchoRegistry | None = None, counters: Counters | None = None) -> None:
        """Stamp by the sessions of `registry`; None: by those of no runner, so by blocks, jobs and baggage alone."""
        registry = EchoRegistry() if registry is None else registry
        self._counters = counters or registry.counters
        self._stamper = Stamper(registry, self._counters)
        self.active = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span that starts in `parent_context`."""
        if not self.active:
            return
        try:
            attributes: Any = span._attributes
            if type(attributes) is not KNOWN_ATTRIBUTES or attributes.max_value_len is not None:
                self._stamp_bounded(span, attributes, parent_context)
                return
            entries, room = attributes._dict, attributes.maxlen
            if room is not None and len(entries) > room - MOST_ENTRIES:
                self._stamp_bounded(span, attributes, parent_context)
                return
            # What follows is the common way: the stamp fits, and nothing is cut. The public way locks, and cleans each value. A stamp is made of
            # short strings, and a span that starts is this thread's alone: so it goes straight into the dictionary behind.
            stamp = self._stamper.stamp(entries, parent_context)
            source = stamp[CALLER_SOURCE]
            if source == "none":
                self._note_nobodys(attributes, CALLER_ID in entries, entries, stamp, parent_context)
            if CASCADE_ID in entries:
                stamp = own_cascade(stamp)
            attributes.rvbbit_stamp = stamp  # STAMP_SLOT
            entries.update(stamp)
            self._counters.add(_COUNTER_OF[source])
        except Exception as error:  # noqa: BLE001 - on_start runs inside the host's call
            self._counters.error("processor.on_start", error)
            if not hasattr(span, "_attributes"):
                self._stamp_in_public(span, parent_context)

    def _stamp_bounded(self, span: Span, attributes: Any, parent_context: Context | None) -> None:
        """Stamp a span whose ids or stamp an SDK limit may cut or evict, or whose attributes are kept in a mapping
        that we don't know.
        """
        entries: dict[str, AnyValue] | None = getattr(attributes, "_dict", None)
        given: Mapping[str, AnyValue] = (attributes or {}) if entries is None else entries
        room = getattr(attributes, "maxlen", None)
        if getattr(attributes, "max_value_len", None) is not None or (room is not None and len(given) >= room):
            given = {**given, **stated.whole_ids(given)}
        stamp = self._stamper.stamp(given, parent_context)
        if stamp[CALLER_SOURCE] == "none":
            self._note_nobodys(attributes, CALLER_ID in given, entries, stamp, parent_context)
        if CASCADE_ID in given:
            stamp = own_cascade(stamp)
        # The span's own mapping survives into the exported span, its entries may not: past the SDK's limit the oldest are dropped.
        setattr(attributes, STAMP_SLOT, stamp)
        span.set_attributes(stamp)
        if entries is not None:  # Whole: a caller that is set later may be cut to the very same letters.
            entries.update({key: value for key, value in stamp.items() if key in entries})
        self._counters.add(_COUNTER_OF[stamp[CALLER_SOURCE]])

    def _note_nobodys(
        self,
        attributes: Any,
        disowned: bool,
        entries: dict[str, AnyValue] | None,
        stamp: Mapping[str, str],
        parent_context: Context | None,
    ) -> None:
        """Keep what the export must know of a span of nobody's; `disowned`: it names a caller that breaks the format."""
        if disowned:
            setattr(attributes, DISOWNED_SLOT, True)  # Nobody's id, and never anybody's span.
            if entries is not None:
                for key in (CALLER_ID, *copied_from(parent_context, entries)):
                    entries.pop(key, None)
        elif SESSION_ID in stamp:
            setattr(attributes, RUN_SLOT, self._stamper.run_of(stamp[SESSION_ID], parent_context))

    def _stamp_in_public(self, span: Span, parent_context: Context | None) -> None:
        """Stamp by the SDK's public API, where attributes are kept elsewhere: slower, and nothing is repaired at
        export.
        """
        try:
            stamp = self._stamper.stamp(span.attributes or {}, parent_context)
            if CASCADE_ID in (span.attributes or {}):
                stamp = own_cascade(stamp)
            span.set_attributes(stamp)
            self._counters.add(_COUNTER_OF[stamp[CALLER_SOURCE]])
        except Exception as error:  # noqa: BLE001 - as above
            self._counters.error("processor.on_start", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Let go of what an ended span holds for nothing, since it may wait for its export: two empty lists are 2 of its 3.4 KB."""
        try:
            events: Any = span._events
            links: Any = span._links
            if type(events) is KNOWN_LIST and not events._dq and not events.dropped:
                span._events = ()
            if type(links) is KNOWN_LIST and not links._dq and not links.dropped:
                span._links = ()
        except AttributeError:
            return  # Kept elsewhere by another version: it costs memory.
        except Exception as error:  # noqa: BLE001 - on_end runs inside the host's call
            self._counters.error("processor.on_end", error)

    def shutdown(self) -> None:
        """Stamp nothing more."""
        self.active = False

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """There is nothing to flush."""
        return True


# Looked up rather than put together: this runs for every span.
_COUNTER_OF: Final[dict[str, str]] = {source: f"stamped.{source}" for source in SOURCES}
