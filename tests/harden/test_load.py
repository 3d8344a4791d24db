"""Figures 17 and 24: heavy questions beside a sender, and a steady load for minutes."""

from __future__ import annotations

import http.client
import re
import socket
import statistics
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks.load import by_grpc, counts, for_seconds, resident_mib, send_all
from benchmarks.recorded import SPANS, Bodies
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.programs import until
from tests.support.sizes import in_time, sized

from rvbbit_otel.storage.client import ClickHouseDatabase

Record = Callable[[str, object], None]
HEAVY = (
    "SELECT groupArray(toString(number)) FROM numbers(100000000)",
    "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)",
    "SELECT * FROM numbers(30000000)",
    "SELECT count() FROM numbers(10000000) AS a CROSS JOIN numbers(10000000) AS b",
    "SELECT repeat('x', 1000000000)",
)


def ask(server: AllInOne, sql: str, seconds: str) -> float:
    """Ask, throw the answer away, and give the seconds that it took."""
    begun = time.monotonic()
    url = f"{server.clickhouse}/?{urllib.parse.urlencode({'max_execution_time': seconds})}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=120) as answer:
            while answer.read(1 << 20):
                pass
    except (urllib.error.HTTPError, http.client.IncompleteRead):
        pass  # Stopped, before the answer began or in it.
    return time.monotonic() - begun


def p99(seen: list[float]) -> float:
    return sorted(seen)[len(seen) * 99 // 100]


def running(server: AllInOne) -> int:
    sql = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(%' AND query NOT LIKE '%processes%'"
    with urllib.request.urlopen(urllib.request.Request(server.clickhouse, sql.encode()), timeout=60) as answer:
        return int(answer.read())


@pytest.mark.figure(17)
def test_twenty_heavy_questions_at_once_are_stopped_and_senders_go_on(tmp_path: Path, record_property: Record) -> None:
    limit, bodies, numbers = 5, Bodies(20), iter(range(10**9))
    with (
        running_all_in_one(tmp_path / "data") as server,
        by_grpc(server.otlp_grpc) as send,
        ThreadPoolExecutor(20) as pool,
    ):

        def sending(count: int) -> list[float]:
            seen = []
            for _ in range(count):
                begun = time.monotonic()
                send(bodies(next(numbers)))
                seen.append(time.monotonic() - begun)
            return seen

        sending(10)
        alone = sending(sized(10, bounded=20, full=100))
        heavy = [pool.submit(ask, server, HEAVY[number % len(HEAVY)], str(limit)) for number in range(20)]
        beside = sending(sized(10, bounded=20, full=100))
        took = [each.result() for each in heavy]
        peak = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[0]) // 1024
        # A client that goes takes its question with it.
        host, port = server.clickhouse.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(HEAVY[1])}\r\n\r\n{HEAVY[1]}".encode()
            )
            until("it runs", lambda: running(server) == 1)
        gone = time.monotonic()
        until("it is stopped", lambda: running(server) == 0, 20)
        gone = time.monotonic() - gone
        stored = counts(ClickHouseDatabase(server.clickhouse))
    sent = next(numbers) * 20
    assert stored[:2] == (sent, sent)
    assert peak < 1024
    # Four run at once; one that waits for its turn is told so after the server's own limit.
    record_property("slowest", f"{max(took):.1f} s at a limit of {limit}")
    record_property("p99 of an insert", f"{p99(alone) * 1000:.0f} ms alone, {p99(beside) * 1000:.0f} ms beside them")
    record_property("peak", f"{peak} MiB")
    record_property("stopped after its client left", f"{gone:.2f} s")
    in_time("a question after its client", gone, 1)
    in_time("p99 of an insert beside heavy questions", p99(beside), 3 * p99(alone))


@pytest.mark.figure(24)
def test_ten_thousand_spans_a_second_are_all_stored_and_memory_stays(tmp_path: Path, record_property: Record) -> None:
    seconds = sized(3, bounded=10, full=300)
    bodies, rate = Bodies(), 10_000
    memory: list[float] = []
    ended = threading.Event()
    with running_all_in_one(tmp_path / "data", stop_seconds=300) as server, by_grpc(server.otlp_grpc) as send:
        database = ClickHouseDatabase(server.clickhouse)

        def watch() -> None:
            while not ended.wait(1):
                memory.append(resident_mib(server.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            sent = send_all(send, bodies, for_seconds(0, seconds, SPANS / rate))
        finally:
            ended.set()
            watcher.join()
        spans = sent.bodies * SPANS
        assert counts(database)[:2] == (spans, spans)
        ((parts,),) = database.query(
            "SELECT max(n) FROM (SELECT count() AS n FROM system.parts WHERE active GROUP BY table)"
        ).rows
    assert int(str(parts)) < 1000
    record_property("spans", spans)
    record_property("rate", f"{spans / sent.seconds:.0f}/s")
    record_property("parts", parts)
    if len(memory) > 120:
        slope = statistics.linear_regression(range(len(memory) - 60), memory[60:]).slope * 60
        record_property("RSS", f"{memory[60]:.0f} to {memory[-1]:.0f} MiB, {slope:.2f} MiB a minute after the first")
        assert slope < 1
