"""The cost of a stamp, beside OpenTelemetry's own BaggageSpanProcessor with two keys; both over a bare SDK span.

A case measures a span's start and end without an exporter, in a process whose registry holds many sessions. The figure is what attribution
adds to a bare span, the baseline what the BaggageSpanProcessor adds to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from opentelemetry import baggage
from opentelemetry.context import Context, attach, detach
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from benchmarks.harness import Row, Size, interleaved, nanoseconds_a_call, row
from rvbbit_otel.attributes import CALLER_ID
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.sdk.span_processor import CallerSpanProcessor

CALLS: dict[Size, int] = {"smoke": 50, "short": 2_000, "full": 4_000}
LIMIT = 0.5
FOX = Caller.of("sql-clever-fox-abc123", {"origin": "sql"})


def run(rounds: int, size: Size) -> list[Row]:
    """Each source of a stamp, with one session and 100,000; the commonest one from eight threads too."""
    rows = []
    for sessions in (1, 100_000):
        registry = EchoRegistry(max_sessions=sessions + 1)
        for number in range(sessions):
            registry.open(SessionId(f"session-{number}"), FOX)
        session = SessionId(f"session-{sessions // 2}")
        cases: dict[str, tuple[Context, dict[str, str]]] = {
            "echo, context": (with_session(with_caller(Context(), FOX), session), {}),
            "echo, own id": (Context(), {"session.id": session}),
            "baggage": (with_caller(Context(), FOX), {}),
            "explicit": (Context(), {CALLER_ID: FOX.id}),
            "none": (Context(), {}),
        }
        for name, (context, attributes) in cases.items():
            for threads in (1, 8) if name == "echo, context" else (1,):
                ours = CallerSpanProcessor(registry)
                case = f"{name}, {sessions} sessions, {threads} threads"
                rows.append(_case(case, ours, context, attributes, threads, rounds, CALLS[size]))
    return rows


def _case(
    name: str,
    processor: SpanProcessor,
    context: Context,
    attributes: dict[str, str],
    threads: int,
    rounds: int,
    calls: int,
) -> Row:
    two_keys = baggage.set_baggage("k1", "v1", baggage.set_baggage("k2", "sql-clever-fox-abc123", Context()))
    ours = _spans(processor, context, attributes, threads, calls)
    theirs = _spans(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS), two_keys, attributes, threads, calls)
    bare = _spans(SpanProcessor(), Context(), attributes, threads, calls)
    seen = interleaved({"ours": ours, "theirs": theirs, "bare": bare}, rounds)
    extra = [max(mine - plain, 1.0) for mine, plain in zip(seen["ours"], seen["bare"], strict=True)]
    extra_theirs = [max(other - plain, 1.0) for other, plain in zip(seen["theirs"], seen["bare"], strict=True)]
    return row(name, "ns extra a span", extra, extra_theirs, LIMIT)


def _spans(
    processor: SpanProcessor, context: Context, attributes: dict[str, str], threads: int, calls: int
) -> Callable[[], float]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("benchmark")

    def span() -> None:
        tracer.start_span("log", attributes=attributes).end()

    # Alone, its own time; among others, time that passes, in which they wait for each other.
    clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns

    def measure() -> float:
        token = attach(context)
        try:
            return nanoseconds_a_call(span, calls, clock)
        finally:
            detach(token)

    def in_threads() -> float:
        seen: list[float] = []
        workers = [threading.Thread(target=lambda: seen.append(measure())) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return sum(seen) / len(seen)

    return measure if threads == 1 else in_threads
