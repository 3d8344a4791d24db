"""From a span's end to its row in SQL, over OTLP to the real all-in-one, beside the exporter's own schedule delay.

One exporter sends spans in their order, so a span is there once the count of rows has passed its number. A poll asks for that count; a span's
delay ends with the answer that first shows it.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from bisect import bisect_right
from pathlib import Path

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, absolute, shown
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.instrumentation.launcher import BATCH_SIZE, SCHEDULE_DELAY_MS
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings
from rvbbit_otel.storage.client import ClickHouseDatabase

# Spans a second, and seconds of each round.
RATES: dict[Size, tuple[int, ...]] = {"smoke": (500,), "short": (1_000, 10_000), "full": (1_000, 10_000)}
SECONDS: dict[Size, float] = {"smoke": 1.0, "short": 5.0, "full": 20.0}
# The SDK's default batch, which a host that is not started by `rvbbit-otel run` has.
_SDK_BATCH = 512
# The most over the schedule delay that 99 of 100 spans may take, by spans a second: at ten times as many an insert is larger.
_OVER_MS = {500: 200.0, 1_000: 200.0, 10_000: 400.0}
_DEADLINE = 60.0


def run(rounds: int, size: Size) -> list[Row]:
    """The 99th percentile over the schedule delay, a round each."""
    rounds = min(rounds, 3)
    rows = []
    with tempfile.TemporaryDirectory() as name, running_all_in_one(Path(name) / "store") as store:
        for rate in RATES[size]:
            seen = [_measure(store.otlp_grpc, store.clickhouse, rate, SECONDS[size]) for _ in range(rounds)]
            over = [max(delays[int(len(delays) * 0.99)] - SCHEDULE_DELAY_MS, 0.001) for delays, _ in seen]
            rows.append(absolute(f"p99 over the schedule delay, {rate} spans/s asked", "ms", over, _OVER_MS[rate]))
            middle = statistics.median(delays[len(delays) // 2] for delays, _ in seen)
            rows.append(shown(f"median, {rate} spans/s asked", "ms", middle))
            rows.append(
                shown(f"spans that ended, {rate} asked", "spans/s", statistics.median(made for _, made in seen))
            )
        # The exporter sends one batch at a time, and an insert costs much the same whatever its size.
        rate = RATES[size][-1]
        delays, _ = _measure(store.otlp_grpc, store.clickhouse, rate, SECONDS[size], batch=_SDK_BATCH)
        over_small = delays[int(len(delays) * 0.99)] - SCHEDULE_DELAY_MS
        rows.append(
            shown(f"p99 over the schedule delay, {rate} spans/s asked, batches of {_SDK_BATCH}", "ms", over_small)
        )
    return rows


def _measure(
    otlp: str, clickhouse: str, rate: int, seconds: float, batch: int = BATCH_SIZE
) -> tuple[list[float], float]:
    """Milliseconds of each span, sorted; and how many ended a second."""
    database, counter = ClickHouseDatabase(clickhouse), "SELECT count() FROM unified_logs"
    before = int(str(database.query(counter).rows[0][0]))
    registry = EchoRegistry()
    caller, session = Caller.of("sql-clever-fox-abc123", {"origin": "sql"}), SessionId("session-fresh")
    registry.open(session, caller)
    provider = TracerProvider(shutdown_on_exit=False)
    pipeline = Pipeline(registry, Settings())
    pipeline.install_tracing(provider)
    exporter = OTLPSpanExporter(endpoint=otlp, insecure=True)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter, max_queue_size=65_536, schedule_delay_millis=SCHEDULE_DELAY_MS, max_export_batch_size=batch
        )
    )
    tracer = provider.get_tracer("fresh")
    context = with_session(with_caller(None, caller), session)
    ends: list[float] = []
    counts, times = [0], [0.0]
    total = int(rate * seconds)

    def poll() -> None:
        until = time.monotonic() + seconds + SCHEDULE_DELAY_MS / 1000 + _DEADLINE
        while counts[-1] < total and time.monotonic() < until:
            seen = int(str(database.query(counter).rows[0][0])) - before
            counts.append(seen)
            times.append(time.monotonic())
            time.sleep(0.01)

    poller = threading.Thread(target=poll)
    poller.start()
    start = time.monotonic()
    for number in range(total):
        ahead = start + number / rate - time.monotonic()
        if ahead > 0.001:
            time.sleep(ahead)
        tracer.start_span("log assistant", context).end()
        ends.append(time.monotonic())
    took = time.monotonic() - start
    poller.join()
    provider.shutdown()
    pipeline.uninstall()
    database.close()
    if counts[-1] < total:
        raise AssertionError(f"{total} spans were sent, {counts[-1]} are rows after {_DEADLINE:g} s")
    # The first answer whose count is greater than the span's number.
    delays = sorted((times[bisect_right(counts, number)] - end) * 1000 for number, end in enumerate(ends))
    return delays, total / took
