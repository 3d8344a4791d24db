"""Under which keys OpenTelemetry's API keeps the span and the baggage in a context: its functions tell, whatever it calls its own names for them."""

from __future__ import annotations

from typing import Final

from opentelemetry import baggage, trace
from opentelemetry.context import Context

(SPAN_KEY,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())
(BAGGAGE_KEY,) = baggage.set_baggage("name", "value", Context())

__all__: Final = ["BAGGAGE_KEY", "SPAN_KEY"]
