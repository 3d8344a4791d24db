"""Which host a request goes to, by what its client span says."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.propagation import GuardedPropagator, with_caller
from rvbbit_otel.counters import Counters
from rvbbit_otel.settings import Settings

FOX = Caller.of("sql-fox", None)
ALLOWED = "http://api.internal:8080/x"


def injected(attributes: dict[str, object], kind: SpanKind = SpanKind.CLIENT) -> tuple[bool, dict[str, int]]:
    """Whether ours leave by a request whose span is of this kind and says this, and what was counted."""
    counters = Counters()
    settings = Settings.from_options({"propagate_hosts": ["api.internal"]})
    context = with_caller(Context(), FOX)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("client")
    span = tracer.start_span("GET", context, kind=kind, attributes=attributes)  # type: ignore[arg-type]
    headers: dict[str, str] = {}
    propagator = GuardedPropagator(W3CBaggagePropagator(), settings, counters)
    propagator.inject(headers, trace.set_span_in_context(span, context))
    return "rvbbit.caller.id=sql-fox" in headers.get("baggage", ""), counters.snapshot()


@pytest.mark.parametrize(
    ("attributes", "leaves"),
    [
        ({"server.address": "api.internal"}, True),
        ({"server.address": "API.internal", "url.full": ALLOWED}, True),
        ({"server.address": "api.internal", "url.full": "http://other.org"}, False),
        ({"server.address": "other.org", "url.full": ALLOWED}, False),
        ({"server.address": "", "url.full": ALLOWED}, True),
        ({"server.address": 7, "url.full": ALLOWED}, True),
        ({"net.peer.name": "api.internal"}, True),
        ({"server.address": "other.org", "net.peer.name": "api.internal"}, False),
        ({"server.address": "api.internal", "net.peer.name": "other.org"}, False),
        ({"url.full": "http://other.org", "http.url": ALLOWED}, False),
        ({"url.full": 7, "http.url": ALLOWED}, True),
        ({"http.url": ALLOWED}, True),
        ({"http.url": ALLOWED.replace("//", "//api.internal@")}, True),
        ({"http.url": "http://api.internal@other.org/"}, False),
        ({"server.address": "api.internal", "url.full": "/relative"}, False),
        ({}, False),
    ],
)
def test_ours_leave_where_every_host_that_the_span_names_is_allowed(
    attributes: dict[str, object], leaves: bool
) -> None:
    assert injected(attributes) == (leaves, {})


@pytest.mark.parametrize("kind", list(SpanKind))
def test_ours_leave_by_spans_of_clients_and_producers_only(kind: SpanKind) -> None:
    leaves = kind in (SpanKind.CLIENT, SpanKind.PRODUCER)
    assert injected({"server.address": "api.internal"}, kind) == (leaves, {})


def test_an_address_that_can_not_be_read_keeps_ours_here_and_is_counted() -> None:
    assert injected({"url.full": "http://[api.internal"}) == (False, {"errors.propagation.inject": 1})
