"""Sessions of the published RVBBIT, in one process, instrumented and not by turns; runs in its environment, and prints JSON.

``python larsql_sessions.py CASCADE ROUNDS ENDPOINT``: seconds of wall and of processor time of each session, by variant.
"""

from __future__ import annotations

import json
import os
import sys
import time

from lars import run_cascade
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from rvbbit_otel.instrumentation import RvbbitInstrumentor


def one(cascade: str, number: int) -> tuple[float, float]:
    """Run one session; its seconds of wall time and of the process's."""
    wall, cpu = time.perf_counter(), time.process_time()
    run_cascade(cascade, {"product_name": f"Apple iPhone {number}"}, session_id=f"bench-{os.getpid()}-{number}")
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure, and print one JSON object."""
    cascade, rounds, endpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    trace.set_tracer_provider(provider)
    seen: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
    for number in range(2 * rounds + 4):
        # By turns, and each goes first as often as the other; the first four warm the runner up.
        name = ("with", "without", "without", "with")[number % 4]
        if name == "with":
            RvbbitInstrumentor().instrument()
        figures = one(cascade, number)
        if name == "with":
            RvbbitInstrumentor().uninstrument()
        if number >= 4:
            seen[name].append(figures)
    provider.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
