"""How soon senders have their answer, and how much of what they send is rows a second, beside the real collector in front of the same store.

Few and many senders, of little and of much at once: a program's exporter sends batches of 512, or of what a second brought.
An answer of the all-in-one means that the spans are in its journal, synced; one of the collector, that they are in its queue, synced.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.all_in_one import running_all_in_one
from tests.support.programs import until

from benchmarks.harness import Row, Size, absolute, row, shown
from benchmarks.ingest import collector_before
from benchmarks.load import Send, by_grpc, counts, send_all
from benchmarks.recorded import Bodies
from rvbbit_otel.storage.client import ClickHouseDatabase

# Senders, spans of each request, requests of all senders in a round by size, and how much of the collector's time one span may take.
CASES: tuple[tuple[int, int, dict[Size, int], float | None], ...] = (
    (1, 512, {"smoke": 4, "short": 60, "full": 200}, 0.2),
    (1, 10, {"smoke": 4, "short": 60, "full": 200}, None),
    (8, 10, {"smoke": 8, "short": 400, "full": 2000}, None),
    (32, 10, {"smoke": 32, "short": 800, "full": 4000}, None),
    (32, 512, {"smoke": 32, "short": 192, "full": 640}, 1 / 3),
    (200, 10, {"smoke": 200, "short": 1600, "full": 8000}, None),
)
# Milliseconds of the middle answer to one sender, by the default policy.
_ANSWER_MS = 2.0
_ROW_SECONDS = 300.0
# More than any case sends: no two send a span of the same number.
_SPANS_A_CASE = 20_000_000


def run(rounds: int, size: Size) -> list[Row]:
    """By turns, each way the same load."""
    rounds = min(rounds, 3)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        store = opened.enter_context(running_all_in_one(Path(name) / "data", stop_seconds=120))
        database = ClickHouseDatabase(store.clickhouse)
        ours = opened.enter_context(by_grpc(store.otlp_grpc))
        collector = collector_before(opened, Path(name), store)
        if collector is None:
            print("answers: no Go, so nothing is compared with the collector", file=sys.stderr)
        for place, (senders, spans, counted, limit) in enumerate(CASES):
            ways = {"ours": ours} | ({"collector": collector[0]} if collector else {})
            made = Bodies(spans)
            numbers = itertools.count(place * _SPANS_A_CASE // spans + 1)
            seen: dict[str, list[tuple[float, list[float]]]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, send in ways.items():
                    bodies = [made(next(numbers)) for _ in range(counted[size])]
                    seen[way].append(_measured(database, send, bodies, senders, spans))
            rows += _rows(f"{senders} senders of {spans}", seen, limit if collector else None, senders)
    return rows


def _measured(
    database: ClickHouseDatabase, send: Send, bodies: list[bytes], senders: int, spans: int
) -> tuple[float, list[float]]:
    """Microseconds a span until all are rows, and milliseconds of each answer."""
    took: list[float] = []
    lock = threading.Lock()

    def timed(body: bytes) -> object:
        start = time.perf_counter()
        answer = send(body)
        with lock:
            took.append((time.perf_counter() - start) * 1000)
        return answer

    wanted = counts(database)[0] + len(bodies) * spans
    start = time.perf_counter()
    send_all(timed, bodies.__getitem__, range(len(bodies)), senders)
    until("all that was sent is rows", lambda: counts(database)[0] >= wanted, _ROW_SECONDS)
    return (time.perf_counter() - start) / (len(bodies) * spans) * 1e6, took


def _rows(case: str, seen: dict[str, list[tuple[float, list[float]]]], limit: float | None, senders: int) -> list[Row]:
    mine, theirs = seen["ours"], seen.get("collector")
    rows = []
    if theirs is not None:
        rows.append(
            row(f"{case}, beside the collector", "us a span", [a for a, _ in mine], [a for a, _ in theirs], limit)
        )
    for way, figures in seen.items():
        rows.append(shown(f"{case}, {way}, rate", "spans/s", 1e6 / statistics.median(each for each, _ in figures)))
    middle = [statistics.median(answers) for _, answers in mine]
    if senders == 1:
        rows.append(absolute(f"{case}, answer, p50", "ms", middle, _ANSWER_MS))
    else:
        rows.append(shown(f"{case}, answer, p50", "ms", statistics.median(middle)))
    last = [sorted(answers)[int(len(answers) * 0.99)] for _, answers in mine]
    rows.append(shown(f"{case}, answer, p99", "ms", statistics.median(last)))
    if theirs is not None:
        rows.append(
            shown(
                f"{case}, the collector's answer, p50", "ms", statistics.median(statistics.median(a) for _, a in theirs)
            )
        )
    return rows
