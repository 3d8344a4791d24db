"""Which host a request goes to, by what its client span says."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from rvbbit_otel.caller import Caller
from rvbbit_otel.propagation import GuardedPropagator, with_caller
from rvbbit_otel.settings import Settings
from rvbbit_otel.telemetry import Counters

FOX = Caller.of("sql-fox", None)
ALLOWED = "http://api.internal:8080/x"


@pytest.mark.parametrize(
    ("attributes", "leaves"),
    [
        ({"server.address": "api.internal", "url.full": "http://other.org"}, True),
        ({"server.address": "other.org", "url.full": ALLOWED}, False),
        ({"server.address": "", "url.full": ALLOWED}, True),
        ({"server.address": 7, "url.full": ALLOWED}, True),
        ({"net.peer.name": "api.internal"}, True),
        ({"server.address": "other.org", "net.peer.name": "api.internal"}, False),
        ({"url.full": "http://other.org", "http.url": ALLOWED}, False),
        ({"url.full": 7, "http.url": ALLOWED}, True),
        ({"http.url": ALLOWED}, True),
        ({}, False),
    ],
)
def test_ours_leave_for_the_host_that_the_span_names_first(attributes: dict[str, object], leaves: bool) -> None:
    counters = Counters()
    settings = Settings.from_options({"propagate_hosts": ["api.internal"]})
    context = with_caller(Context(), FOX)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("client")
    span = tracer.start_span("GET", context, attributes=attributes)  # type: ignore[arg-type]
    headers: dict[str, str] = {}
    propagator = GuardedPropagator(W3CBaggagePropagator(), settings, counters)
    propagator.inject(headers, trace.set_span_in_context(span, context))
    assert ("rvbbit.caller.id=sql-fox" in headers.get("baggage", "")) is leaves
    assert counters.snapshot() == {}
