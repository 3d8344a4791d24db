"""Callers at once, each with sessions in threads, pools, tasks, streams and forks' rests, while functions of ours fail here and there.

`python -m tests.harden.host.crowd CALLERS SESSIONS FAULTS SEED`: FAULTS of 1 has a place struck during every second session or so. Prints the
spans that were credited to another, to nobody, and right; and the errors counted.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.harden.host import strikes
from tests.harden.host.doors import DOORS, PLAIN

strikes.install(tuple(DOORS), PLAIN)

from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult  # noqa: E402
from tests.contract.programs import SPEC  # noqa: E402
from tests.contract.toyrunner import Work, toy  # noqa: E402

import rvbbit_otel.instrumentation.instrumentor  # noqa: E402
import rvbbit_otel.sdk.otlp_encoder  # noqa: E402, F401
from rvbbit_otel import called_by  # noqa: E402
from rvbbit_otel.instrumentation import RvbbitInstrumentor  # noqa: E402


class Counting(SpanExporter):
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def export(self, spans: Any) -> SpanExportResult:
        for span in spans:
            said = span.attributes or {}
            if span.instrumentation_scope.name != "third-party":
                continue
            caller = said.get("rvbbit.caller.id")
            outcome = "none" if caller is None else "right" if caller == span.name else "wrong"
            self.seen[outcome] += 1
            if outcome == "wrong":
                self.wrong[f"{span.name} is {caller}'s ({said.get('rvbbit.caller.source')})"] += 1
        return SpanExportResult.SUCCESS


def main() -> None:
    callers, sessions, faults, seed = map(int, sys.argv[1:5])
    exporter = Counting()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    RvbbitInstrumentor().instrument(tracer_provider=provider, runner_files=(SPEC,), redaction=False)
    tracer = provider.get_tracer("third-party")
    pool = ThreadPoolExecutor(4)
    strikes.Blow.reached = set() if faults else None
    made = threading.local()

    def span(owner: str) -> None:
        tracer.start_span(owner).end()

    def parts(owner: str) -> Iterator[int]:
        for number in range(2):
            span(owner)
            yield number

    async def awaited(owner: str) -> None:
        await asyncio.sleep(0)
        await asyncio.gather(*(asyncio.to_thread(span, owner) for _ in range(2)))

    def session(owner: str, number: int) -> None:
        run = Work(f"run-{owner}-{number}", owner=owner)
        match number % 6:
            case 0:
                run.run(span, owner)
            case 1:
                run.run(lambda: pool.submit(span, owner).result())
            case 2:
                for _ in run.stream(lambda: parts(owner)):
                    pass
            case 3:
                asyncio.run(run.arun(awaited, owner))
            case 4:
                toy.open_session(f"s-{owner}-{number}", user=owner)
                toy.use_tool("t", lambda: span(owner))
                toy.complete(owner)
                toy.close_session(f"s-{owner}-{number}")
            case 5:
                thread = threading.Thread(target=run.run, args=(span, owner))
                thread.start()
                thread.join()

    def client(name: int) -> None:
        owner, chance = f"caller-{name}", random.Random(seed + name)
        made.chance = chance
        for number in range(sessions):
            if faults and name == 0:
                places = sorted(strikes.Blow.reached or ())
                strikes.Blow.kind = chance.choice(list(strikes.ERRORS))
                strikes.Blow.place = chance.choice(places) if places and chance.random() < 0.7 else -1
            with called_by(owner):
                session(owner, number)

    threads = [threading.Thread(target=client, args=(name,)) for name in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    strikes.Blow.place = -1
    pool.shutdown()
    current = RvbbitInstrumentor().current
    assert current is not None
    errors = sum(n for name, n in current.counters.snapshot().items() if name.startswith("errors"))
    print(*(f"{what} {exporter.seen[what]}" for what in ("wrong", "none", "right")), f"errors {errors}")
    for what, count in exporter.wrong.most_common(5):
        print(what, count)


if __name__ == "__main__":
    main()
