"""Starting spans of ours, and the values that go on them."""

from __future__ import annotations

import contextvars
import math
import traceback
from collections.abc import Mapping
from typing import Any, Final, get_args

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv.attributes import exception_attributes
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

from rvbbit_otel.attributes import ERROR_TYPE, KIND, Kind
from rvbbit_otel.attribution.stamping import OWN_SLOT
from rvbbit_otel.counters import Counters, Once
from rvbbit_otel.instrumentation.emit.content import ContentRule, rendered
from rvbbit_otel.instrumentation.emit.span_attributes import filling_of
from rvbbit_otel.instrumentation.execution import current_context
from rvbbit_otel.sdk.sampler import Promised

# Names, roles and models: what a runner says in a word. Longer ones are cut.
_WORD_LIMIT: Final = 512
Attributes = dict[str, Any]
_PROMISED: Final = {kind: Promised({KIND: kind}) for kind in get_args(Kind)}


def _suppressing() -> frozenset[str]:
    """Under which keys a context says that instrumentation is suppressed."""
    with suppress_instrumentation():
        return frozenset(current_context())


_SUPPRESSING: Final = contextvars.Context().run(_suppressing)


class Spans:
    """Starts and ends the spans of one instrumentation."""

    def __init__(self, tracer: Tracer, content: ContentRule, counters: Counters) -> None:
        """Spans come from `tracer`."""
        self._tracer = tracer
        self.content = content
        self._counters = counters
        self._once = Once()

    def start(
        self,
        name: str,
        kind: Kind,
        context: Context,
        attributes: Attributes,
        *,
        span_kind: SpanKind = SpanKind.INTERNAL,
        start_time: int | None = None,
        links: list[Link] | None = None,
    ) -> Span:
        """A span of ours, not attached; one that records nothing while instrumentation is suppressed."""
        # Asked of the API only where there is something to ask about.
        if not (_SUPPRESSING.isdisjoint(current_context()) or is_instrumentation_enabled()):
            return trace.INVALID_SPAN
        attributes[KIND] = kind
        filling = filling_of(self._tracer)
        if filling is None:
            span = self._tracer.start_span(name, context, span_kind, attributes, links, start_time)
        else:
            span = filling.start(self._tracer, attributes, name, context, span_kind, _PROMISED[kind], links, start_time)
        if not span.is_recording():
            self._tell_if_there_is_no_sdk()
        return span

    @staticmethod
    def add(span: Span, attributes: Attributes) -> None:
        """Put more on a span of ours, which an SDK's limits can't cut or evict either: see `repair`."""
        span.set_attributes(attributes)
        own = getattr(getattr(span, "_attributes", None), OWN_SLOT, None)
        if isinstance(own, dict):
            own.update(attributes)

    def fail(self, span: Span, error: BaseException) -> None:
        """Say on a span which exception ended it; what the exception says is content."""
        name = _type_name(error)
        span.set_attribute(ERROR_TYPE, name)
        message = (
            self.content.text(exception_attributes.EXCEPTION_MESSAGE, str(error)) if self.content.allowed else None
        )
        event = {
            exception_attributes.EXCEPTION_TYPE: name,
            exception_attributes.EXCEPTION_STACKTRACE: "".join(traceback.format_tb(error.__traceback__, -20)),
        }
        if message is not None:
            event[exception_attributes.EXCEPTION_MESSAGE] = message
        span.add_event("exception", event)
        span.set_status(Status(StatusCode.ERROR, message))

    def fail_as_told(self, span: Span, status: str, error: object) -> None:
        """Say on a span that the runner called its work failed, without an exception; what it says of that is content."""
        span.set_attribute(ERROR_TYPE, status)
        span.set_status(Status(StatusCode.ERROR, self.content.text(exception_attributes.EXCEPTION_MESSAGE, error)))

    def _tell_if_there_is_no_sdk(self) -> None:
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            self._once.warn(
                "no OpenTelemetry SDK is configured, so nothing is recorded; start the program with `rvbbit-otel run -- ...`, "
                "or install opentelemetry-distro and use opentelemetry-instrument, or set a TracerProvider"
            )


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def hanging_under(span_context: SpanContext, context: Context) -> Context:
    """The same context with another span as the current one."""
    return trace.set_span_in_context(trace.NonRecordingSpan(span_context), context)


def without_span(context: Context) -> Context:
    """The same context without a current span: what starts in it begins a trace."""
    return trace.set_span_in_context(trace.INVALID_SPAN, context)


def put(attributes: Attributes, name: str, value: object) -> None:
    """Put a word in, if there is one."""
    if value is None:
        return
    if isinstance(value, str) and len(value) <= _WORD_LIMIT and value.isascii():
        attributes[name] = value
    else:
        attributes[name] = rendered(value, _WORD_LIMIT)


def put_integer(attributes: Attributes, name: str, value: object) -> None:
    """Put a whole number in, if it is one that fits OTLP."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        attributes[name] = value


def put_number(attributes: Attributes, name: str, value: object) -> None:
    """Put a number in, if it is one that adds up."""
    if isinstance(value, bool) or value is None:
        return
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return
    if math.isfinite(number):
        attributes[name] = number


Values = Mapping[str, Any]
