"""Spans and log records as they leave. What was recorded is not changed: whoever else reads it in this process reads all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status

from rvbbit_otel.attributes import CALLER_ID, CALLER_ORIGIN, CALLER_SOURCE, SESSION_ID
from rvbbit_otel.clean_text import with_entries
from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.table import STATUS_DESCRIPTION
from rvbbit_otel.redaction.text import marker
from rvbbit_otel.redaction.values import Values, without_message
from rvbbit_otel.settings import Settings

# Resources and scopes seen lately; there are as many as tracers.
_MOST_KEPT: Final = 1024
_NAMED_AFTER_ORIGIN: Final = "caller "


class Redactor:
    """Redacts whole spans by the settings of one process."""

    def __init__(self, settings: Settings, counters: Counters) -> None:
        """Read the rules of the settings; failures are counted in `counters`."""
        self.values = Values(settings, counters)
        self._counters = counters
        # By what they are: the same few objects, for every span. Held, so that no other one gets their place.
        self._seen: dict[int, tuple[Any, Any]] = {}

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """The span as it leaves: the same object where nothing is to be hidden. Where that fails, its ids and times, and nothing else."""
        try:
            return self._span(span)
        except Exception as error:  # noqa: BLE001 - one span that is no span as we know it
            self._counters.error("redaction.span", without_message(error))
            return _bare(span)

    def attributes(self, attributes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """These attributes as they leave, the same object where nothing is to be hidden."""
        if not attributes:
            return attributes
        entries: Mapping[str, Any] = getattr(attributes, "_dict", attributes)
        changes = self.values.changes(entries)
        return with_entries(attributes, {**entries, **changes}) if changes else attributes

    def resource(self, resource: Resource) -> Resource:
        """Return a redacted resource."""
        known = self._seen.get(id(resource))
        if known is None or known[0] is not resource:
            known = self._remember(resource, lambda attributes: Resource(attributes, resource.schema_url))
        redacted: Resource = known[1]
        return redacted

    def scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        """Return a redacted instrumentation scope."""
        known = self._seen.get(id(scope))
        if scope is not None and (known is None or known[0] is not scope):
            name, version, url = scope.name, scope.version, scope.schema_url
            known = self._remember(scope, lambda attributes: InstrumentationScope(name, version, url, attributes))
        return known[1] if known is not None else None

    def _remember(self, whole: Any, made: Callable[[Mapping[str, Any]], Any]) -> tuple[Any, Any]:
        if len(self._seen) >= _MOST_KEPT:
            self._seen.clear()
        attributes = whole.attributes or {}
        changes = self.values.changes(attributes)
        known = self._seen[id(whole)] = whole, made({**attributes, **changes}) if changes else whole
        return known

    def _span(self, span: ReadableSpan) -> ReadableSpan:
        # What is public is a copy without its limits, and without what was dropped by them.
        attributes = getattr(span, "_attributes", None)
        if attributes is None:
            attributes = span.attributes
        entries: Mapping[str, Any] = getattr(attributes, "_dict", attributes) or {}
        changes = self.values.changes(entries)
        name, status, resource, scope = span.name, span.status, span.resource, span.instrumentation_scope
        safe_name, safe_resource, safe_scope = self.values.name(name), self.resource(resource), self.scope(scope)
        # Most spans have nothing to hide. Whether they have events and links is asked of what the properties copy.
        if (
            not changes
            and safe_name is name
            and safe_resource is resource
            and safe_scope is scope
            and not (status.description or getattr(span, "_events", True) or getattr(span, "_links", True))
        ):
            return span
        if CALLER_ORIGIN in changes and name.startswith(_NAMED_AFTER_ORIGIN):
            safe_name = f"{_NAMED_AFTER_ORIGIN}{changes[CALLER_ORIGIN]}"
        # By its public constructor: of a copy whose private parts are named otherwise, what was to be hidden would leave.
        return ReadableSpan(
            name=safe_name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=safe_resource,
            attributes=with_entries(attributes, {**entries, **changes}) if changes else attributes,
            events=_counted([self._event(event) for event in span.events], span.dropped_events),
            links=_counted([self._link(link) for link in span.links], span.dropped_links),
            kind=span.kind,
            status=Status(status.status_code, self.values.value(STATUS_DESCRIPTION, status.description)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=safe_scope,
        )

    def _event(self, event: Event) -> Event:
        attributes, name = self.attributes(event.attributes), self.values.name(event.name)
        if attributes is event.attributes and name is event.name:
            return event
        return Event(name, attributes, event.timestamp)

    def _link(self, link: Link) -> Link:
        attributes = self.attributes(link.attributes)
        return link if attributes is link.attributes else Link(link.context, attributes)


def _counted(items: Sequence[Any], dropped: int) -> Any:
    if not dropped:
        return items
    counted = BoundedList.from_seq(None, items)
    counted.dropped = dropped
    return counted


def _bare(span: ReadableSpan) -> ReadableSpan:
    attributes = span.attributes or {}
    return ReadableSpan(
        name=marker(),
        context=span.get_span_context(),
        parent=span.parent,
        resource=Resource({"service.name": str((span.resource.attributes or {}).get("service.name", ""))}),
        attributes={key: attributes[key] for key in (CALLER_ID, CALLER_SOURCE, SESSION_ID) if key in attributes},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )
