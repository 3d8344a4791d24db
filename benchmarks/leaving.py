"""What redaction costs a span that leaves, beside its encoding as OTLP without redaction.

Both are done once a span, on the exporter's thread, here in batches of the SDK's size. A limit stands where the many are: rows of ours, which have
nothing to hide. A span with a prompt is encoded faster without it; the baseline is what its encoding took with the prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from benchmarks.harness import Row, Size, interleaved, nanoseconds_a_call, row
from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.records import Redactor
from rvbbit_otel.sdk.otlp_encoder import encoded
from rvbbit_otel.settings import Settings

BATCH = 512
BATCHES: dict[Size, int] = {"smoke": 1, "short": 20, "full": 100}
LIMIT = 0.5
_STAMP: dict[str, Any] = {
    "rvbbit.caller.id": "sql-clever-fox-abc123",
    "rvbbit.caller.source": "echo",
    "rvbbit.caller.origin": "sql",
    "session.id": "session-00000000abcd",
}
# A number in braces is another one for each span.
_CASES: dict[str, tuple[dict[str, Any], float | None]] = {
    "a row of ours": (
        {
            "rvbbit.kind": "log",
            "rvbbit.log.role": "assistant",
            "rvbbit.log.node_type": "agent",
            "rvbbit.cell.name": "extract",
            "rvbbit.take.index": 1,
            "rvbbit.duration_ms": 12.5,
            "gen_ai.request.model": "stub/brand-1",
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.usage.output_tokens": 1,
            "rvbbit.usage.cost": 0.00001,
            "rvbbit.usage.counted": True,
        },
        LIMIT,
    ),
    "a request with a query": (
        {
            "http.request.method": "POST",
            "url.full": "https://api.example.org/v1/chat?key={}",
            "server.address": "api.example.org",
            "server.port": 443,
            "http.response.status_code": 200,
        },
        None,
    ),
    "a model's answer, 2,500 characters": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "stub/brand-1",
            "gen_ai.input.messages": "x" * 2_000,
            "gen_ai.output.messages": "x" * 500,
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.response.id": "response-{}",
        },
        None,
    ),
    "attributes that nobody knows": ({"order.id": "order-{}", "order.state": "new", "order.shop": "shop-{}"}, None),
}


def run(rounds: int, size: Size) -> list[Row]:
    """Each case."""
    rows = []
    for case, (attributes, limit) in _CASES.items():
        spans = _spans({**attributes, **_STAMP})
        redactor = Redactor(Settings(), Counters())
        seen = interleaved(
            {
                "redaction": _measure(
                    lambda batch, redact=redactor.span: [redact(span) for span in batch], spans, size
                ),
                "encoding": _measure(encoded, spans, size),
            },
            rounds,
        )
        rows.append(row(case, "ns a span", seen["redaction"], seen["encoding"], limit))
    return rows


def _spans(attributes: dict[str, Any]) -> list[ReadableSpan]:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")
    spans = []
    for number in range(BATCH):
        its = {key: value.format(number) if isinstance(value, str) else value for key, value in attributes.items()}
        span = tracer.start_span("log assistant", Context(), attributes=its)
        span.end()
        assert isinstance(span, ReadableSpan)
        spans.append(span)
    return spans


def _measure(do: Callable[[list[ReadableSpan]], object], spans: list[ReadableSpan], size: Size) -> Callable[[], float]:
    return lambda: min(nanoseconds_a_call(lambda: do(spans), 1) for _ in range(BATCHES[size])) / BATCH
