"""Half of peak for a long time: memory stays flat, and at the end the counts are exact.

Peak is what eight senders get rid of in a sixtieth of the time. Memory of the last quarter of the time beside that of the second.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, row, shown
from benchmarks.load import by_grpc, counts, for_seconds, processor_seconds, resident_mib, send_all, wait_until_stored
from benchmarks.recorded import SPANS, Bodies
from rvbbit_otel.storage.client import ClickHouseDatabase

SECONDS: dict[Size, float] = {"smoke": 4.0, "short": 30.0, "full": 600.0}
_SAMPLES = 80
_GROWTH = 1.15


def run(rounds: int, size: Size) -> list[Row]:
    """Once, however many rounds."""
    bodies, seconds = Bodies(), SECONDS[size]
    with (
        tempfile.TemporaryDirectory() as name,
        running_all_in_one(Path(name) / "data", stop_seconds=300) as store,
        by_grpc(store.otlp_grpc) as send,
    ):
        database = ClickHouseDatabase(store.clickhouse)
        start = time.perf_counter()
        peak = send_all(send, bodies, for_seconds(0, max(seconds / 60, 2.0)))
        wait_until_stored(store.otlp_http)
        took = time.perf_counter() - start
        pace = 2 * took / peak.bodies
        memory, ended = [], threading.Event()

        def watch() -> None:
            while not ended.wait(seconds / _SAMPLES):
                memory.append(resident_mib(store.pid))

        watcher, work = threading.Thread(target=watch), processor_seconds(store.pid)
        watcher.start()
        try:
            sent = send_all(send, bodies, for_seconds(100_000, seconds, pace))
        finally:
            ended.set()
            watcher.join()
        work = processor_seconds(store.pid) - work
        spans = (peak.bodies + sent.bodies) * SPANS
        wait_until_stored(store.otlp_http)
        found = counts(database)
        if found != (spans, spans, spans // 20):
            raise AssertionError(f"{spans} spans of sessions of 20 were acknowledged, {found} are stored")
        quarter = len(memory) // 4
        early, late = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
        return [
            row(f"memory, last quarter of {seconds:g} s beside the second", "MiB", [late], [early], _GROWTH),
            shown("most memory", "MiB", max(memory)),
            shown("peak", "spans/s", peak.bodies * SPANS / took),
            shown("kept up with", "spans/s", sent.bodies * SPANS / sent.seconds),
            shown("processor time of the server", "us a span", work / sent.bodies / SPANS * 1e6),
        ]
