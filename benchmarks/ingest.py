"""Recorded OTLP into the tables over loopback, deduplication on, beside the real collector with its stock clickhouseexporter into the same store.

A span is there when it is a row: a question waits for what was acknowledged before it. Twice the collector's spans a second is half
of its time a span. Sending all of it again must change no count. Processor time is that of the server, and of the collector and the server.
There are as many spans of one name in a second as are stored in one; a million of them, where each guard reads them all, stands beside that.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.collector import Place, running_collector
from tests.support.programs import until

from benchmarks.harness import Row, Size, absolute, row, shown
from benchmarks.load import (
    SENDERS,
    Send,
    by_grpc,
    by_http,
    counts,
    for_seconds,
    memory_at,
    processor_seconds,
    resident_mib,
    send_all,
    wait_until_stored,
)
from benchmarks.recorded import SPANS, STEP_NS, Bodies
from rvbbit_otel.storage.client import ClickHouseDatabase

BODIES: dict[Size, int] = {"smoke": 2, "short": 8, "full": 24}  # Of each way, a round.
SECONDS: dict[Size, float] = {"smoke": 2.0, "short": 15.0, "full": 60.0}
# Senders of the sustained load: one has one body on its way, so that with eight of them four wait while four are stored, and an insert of four bodies
# costs a third more a span than one of twelve.
_MANY = 32
# As many spans of one service and name in a second as these benchmarks once had, whatever rate they measured: each guard reads them all.
_DENSE_STEP_NS = 1_000
# 100,000 spans a second.
_MOST_US = 10.0
# Memory at the end beside what it was after a sixth of the time.
_GROWTH = 1.25
_ROW_SECONDS = 300.0

Figures = dict[str, list[tuple[float, float]]]


def run(rounds: int, size: Size) -> list[Row]:
    """By turns: gRPC, HTTP, one sender, the collector, all of it again; then as much as goes in, for a time."""
    rounds = min(rounds, 5)
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        store = opened.enter_context(running_all_in_one(Path(name) / "data", stop_seconds=120))
        database = ClickHouseDatabase(store.clickhouse)
        ways = {"gRPC": opened.enter_context(by_grpc(store.otlp_grpc)), "HTTP": by_http(store.otlp_http)}
        collector = collector_before(opened, Path(name), store)
        figures = _rounds(store, database, ways, collector, rounds, BODIES[size])
        rows = _compared(figures, collector is not None)
        return rows + _sustained(store, database, ways["gRPC"], SECONDS[size], first=100_000)


Collector = tuple[Send, tuple[int, ...]]


def collector_before(opened: ExitStack, folder: Path, store: AllInOne) -> Collector | None:
    """The real collector in front of a store, until `opened` ends: what sends to it, and both processes; None where it can't be built."""
    if shutil.which("go") is None:
        print(
            "ingest: Go is not on the PATH, so the collector is not built and nothing is compared with it",
            file=sys.stderr,
        )
        return None
    environ = {"RVBBIT_OTEL_CLICKHOUSE_ENDPOINT": store.clickhouse, "RVBBIT_OTEL_SESSION_EXPORTERS": "[clickhouse]"}
    running = opened.enter_context(running_collector(Place(folder / "collector"), environ, clean=False))
    return opened.enter_context(by_grpc(running.place.grpc)), (running.process.pid, store.pid)


def _rounds(
    store: AllInOne,
    database: ClickHouseDatabase,
    ways: dict[str, Send],
    collector: Collector | None,
    rounds: int,
    count: int,
) -> Figures:
    made, dense = Bodies(), Bodies(step_ns=_DENSE_STEP_NS)
    numbers = iter(range(10**9))
    figures: Figures = {}

    def measure(name: str, send: Send, pids: tuple[int, ...], bodies: list[bytes], senders: int = SENDERS) -> None:
        wanted = counts(database)[0] + len(bodies) * SPANS * (name != "again")
        start, before = time.perf_counter(), processor_seconds(*pids)
        send_all(send, bodies.__getitem__, range(len(bodies)), senders)
        until("all that was sent is rows", lambda: counts(database)[0] >= wanted, _ROW_SECONDS)
        seconds, work = time.perf_counter() - start, processor_seconds(*pids) - before
        spans = len(bodies) * SPANS
        figures.setdefault(name, []).append((seconds / spans * 1e6, work / spans * 1e6))

    for number in range(rounds + 1):
        first = [made(next(numbers)) for _ in range(count)]
        measure("gRPC", ways["gRPC"], (store.pid,), first)
        if collector is not None:
            measure("collector", *collector, [made(next(numbers)) for _ in range(count)])
        measure("HTTP", ways["HTTP"], (store.pid,), [made(next(numbers)) for _ in range(count)])
        measure("dense", ways["gRPC"], (store.pid,), [dense(next(numbers)) for _ in range(count)])
        measure("one sender", ways["gRPC"], (store.pid,), [made(next(numbers)) for _ in range(count)], 1)
        before = counts(database)
        measure("again", ways["gRPC"], (store.pid,), first)
        if counts(database) != before:
            raise AssertionError(f"sending everything again changed the counts: {before}, {counts(database)}")
        if number == 0 and rounds > 1:
            figures.clear()  # A warm-up that does not count.
    return figures


def _compared(figures: Figures, with_collector: bool) -> list[Row]:
    base = figures["collector" if with_collector else "one sender"]
    other = "the collector" if with_collector else "one sender"
    rows = []
    for name, limit in (("gRPC", 0.5), ("HTTP", 0.5), ("one sender", None), ("again", None)):
        if name == "one sender" and not with_collector:
            continue
        mine = figures[name]
        limit = limit if with_collector else None
        rows.append(row(f"{name}, beside {other}", "us a span", [s for s, _ in mine], [s for s, _ in base], limit))
        rows.append(
            row(f"{name}, processor time, beside {other}", "us a span", [c for _, c in mine], [c for _, c in base])
        )
    case = f"gRPC, {10**9 // _DENSE_STEP_NS} spans of one name in a second, beside {10**9 // STEP_NS}"
    rows.append(row(case, "us a span", [s for s, _ in figures["dense"]], [s for s, _ in figures["gRPC"]]))
    rows += [
        shown(f"{name}, rate", "spans/s", 1e6 / statistics.median(seconds for seconds, _ in seen))
        for name, seen in figures.items()
    ]
    return rows


def _sustained(store: AllInOne, database: ClickHouseDatabase, send: Send, seconds: float, first: int) -> list[Row]:
    bodies = Bodies()
    before, work = counts(database), processor_seconds(store.pid)
    with memory_at(store.pid, seconds / 6) as early:
        start = time.perf_counter()
        sent = send_all(send, bodies, for_seconds(first, seconds), _MANY)
        late = resident_mib(store.pid)
        wait_until_stored(store.otlp_http)
        took = time.perf_counter() - start
    work = processor_seconds(store.pid) - work
    spans = sent.bodies * SPANS
    after = counts(database)
    if after[0] - before[0] != spans or after[1] - before[1] != spans:
        raise AssertionError(f"{spans} spans were acknowledged, the counts went from {before} to {after}")
    send_all(send, bodies, range(first, first + sent.bodies), _MANY)
    wait_until_stored(store.otlp_http)
    if counts(database) != after:
        raise AssertionError(f"sending all of it again changed the counts: {after}, {counts(database)}")
    return [
        absolute(f"sustained for {seconds:g} s", "us a span", [took / spans * 1e6], _MOST_US),
        shown("sustained, rate", "spans/s", spans / took),
        shown("sustained, acknowledged", "spans/s", spans / sent.seconds),
        shown("sustained, processor time of the server, merges included", "us a span", work / spans * 1e6),
        row("sustained, memory at the end, beside after a sixth", "MiB", [late], early or [late], _GROWTH),
        shown("all of it again, memory", "MiB", resident_mib(store.pid)),
    ]
