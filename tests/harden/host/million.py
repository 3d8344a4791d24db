"""Many sessions, each of a caller of its own, in one process: the registry stays at its bound, and the memory with it.

`python -m tests.harden.host.million SESSIONS BOUND SEED` prints what the registry holds, the evictions counted, the spans credited to another, and by
how many MB the process has grown since the registry was full.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.contract.programs import SPEC
from tests.contract.toyrunner import toy

from rvbbit_otel.instrumentation import RvbbitInstrumentor


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def main() -> None:
    sessions, bound, chance = int(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    # Each session's rows are made, and only those that are looked at are kept.
    looked_at = TracerProvider(shutdown_on_exit=False)
    looked_at.add_span_processor(SimpleSpanProcessor(exporter))
    RvbbitInstrumentor().instrument(tracer_provider=provider, runner_files=(SPEC,), max_sessions=bound)
    current = RvbbitInstrumentor().current
    assert current is not None
    current.pipeline.install_tracing(looked_at)
    tracer = looked_at.get_tracer("third-party")
    wrong = known = 0
    full_at = 0.0
    for number in range(sessions):
        toy.open_session(f"session-{number}", user=f"caller-{number}")
        if number % 3 == 0:
            toy.close_session(f"session-{number}")
        if number % 97 == 0:
            asked = chance.randrange(max(0, number - 2 * bound), number + 1)
            tracer.start_span("third", attributes={"session.id": f"session-{asked}"}).end()
            (span,) = exporter.get_finished_spans()
            exporter.clear()
            caller = (span.attributes or {}).get("rvbbit.caller.id")
            wrong += caller not in (None, f"caller-{asked}")
            known += caller is not None
        if number == 2 * bound:
            full_at = resident_mb()
    grown = resident_mb() - full_at
    counts = current.counters.snapshot()
    held = len(current.registry)
    errors = sum(n for name, n in counts.items() if name.startswith("errors"))
    print(
        f"held {held} evicted {counts.get('evicted', 0)} wrong {wrong} known {known} errors {errors} grown {grown:.1f}"
    )


if __name__ == "__main__":
    main()
