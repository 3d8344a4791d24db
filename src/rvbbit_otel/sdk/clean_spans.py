"""Spans with every text fit for OTLP, in place of those that are not."""

from __future__ import annotations

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status

from rvbbit_otel.clean_text import clean, clean_attributes, clean_text


def cleaned_span(span: ReadableSpan) -> ReadableSpan:
    """The span with every text fit for OTLP: a copy, since an ended span can't be changed."""
    status = span.status
    if status.description:
        status = Status(status.status_code, clean_text(status.description))
    return ReadableSpan(
        name=clean_text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        # The property hides the limits, and what was dropped for them.
        attributes=clean_attributes(getattr(span, "_attributes", None) or span.attributes),
        events=[cleaned_event(event) for event in span.events],
        links=[cleaned_link(link) for link in span.links],
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=cleaned_scope(span.instrumentation_scope) if span.instrumentation_scope else None,
    )


def cleaned_scope(scope: InstrumentationScope) -> InstrumentationScope:
    """The scope with every text fit for OTLP; the same object where it is already."""
    parts = scope.name, scope.version, scope.schema_url, scope.attributes
    cleaned = clean(parts)
    return scope if cleaned is parts else InstrumentationScope(*cleaned)


def cleaned_event(event: Event) -> Event:
    """The event with every text fit for OTLP; the same object where it is already."""
    attributes = clean_attributes(event.attributes)
    name = clean_text(event.name)
    return event if attributes is event.attributes and name is event.name else Event(name, attributes, event.timestamp)


def cleaned_link(link: Link) -> Link:
    """The link with every text fit for OTLP; the same object where it is already."""
    attributes = clean_attributes(link.attributes)
    return link if attributes is link.attributes else Link(link.context, attributes)
