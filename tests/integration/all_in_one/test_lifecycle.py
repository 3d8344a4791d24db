"""Starts, crashes and ends of the all-in-one: what was acknowledged is there, once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.sizes import SEED, in_time, sized

from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase


class Load:
    """Sends numbered spans from several threads, three to a request, until it is told to stop; knows which were acknowledged."""

    def __init__(self, seed: int) -> None:
        self.acknowledged: set[int] = set()
        self.sent: set[int] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._next = seed * 1_000_000
        self.enough = threading.Event()

    def run(self, server: AllInOne) -> None:
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            while not self._stop.is_set():
                with self._lock:
                    numbers = range(self._next, self._next + 3)
                    self._next += 3
                    self.sent.update(numbers)
                body = traces(*(row(number, f"s{number % 7}", f"sql-{number % 7}") for number in numbers))
                try:
                    export(body, timeout=20)
                except grpc.RpcError:
                    return
                with self._lock:
                    self.acknowledged.update(numbers)
                    if len(self.acknowledged) > 300:
                        self.enough.set()

    def stop(self) -> None:
        self._stop.set()


def stored(server: AllInOne) -> tuple[set[int], list[str]]:
    database = ClickHouseDatabase(server.clickhouse)
    rows = database.query(
        "SELECT toUInt64(reinterpretAsUInt64(reverse(unhex(span_id)))) - 1, count() FROM unified_logs GROUP BY span_id"
    ).rows
    ((kept, different),) = database.query("SELECT count(), uniqExact(TraceId, SpanId) FROM otel_traces").rows
    broken = [f"{kept} spans of {different}"] if kept != different else []
    broken += [
        finding.audit.name for finding in (run_audit(database, audit) for audit in load_audits()) if not finding.holds
    ]
    twice = [str(number) for number, count in rows if count != 1]
    database.close()
    return {int(str(number)) for number, _ in rows}, broken + twice


@pytest.mark.parametrize(
    ("number", "rounds"),
    [
        pytest.param(signal.SIGKILL, sized(4, full=20), id="kill -9", marks=pytest.mark.figure(1)),
        pytest.param(signal.SIGTERM, sized(4, full=10), id="SIGTERM", marks=pytest.mark.figure(2)),
    ],
)
def test_every_acknowledged_span_is_there_once_after_the_process_ends_under_load(
    tmp_path: Path, number: signal.Signals, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    data, seed = tmp_path / "data", SEED % 1000
    opening, ending = [], []
    acknowledged: set[int] = set()
    sent: set[int] = set()
    for round_number in range(rounds):
        load, begun = Load(seed * 100 + round_number), time.monotonic()
        with running_all_in_one(data) as server, ThreadPoolExecutor(8) as pool:
            opening.append(time.monotonic() - begun)
            workers = [pool.submit(load.run, server) for _ in range(8)]
            assert load.enough.wait(60)
            begun = time.monotonic()
            os.kill(server.pid, number)
            status = server.process.wait(30)
            ending.append(time.monotonic() - begun)
            load.stop()
            for worker in workers:
                worker.result()
        assert status == (0 if number == signal.SIGTERM else -9)
        acknowledged |= load.acknowledged
        sent |= load.sent
    with running_all_in_one(data) as server:
        there, wrong = stored(server)
        assert (acknowledged - there, wrong) == (set(), [])
        assert there <= sent
        # The senders were cut off and send everything again, in other batches: what is there already is not stored twice.
        again = sorted(sent)
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            for at in range(0, len(again), 500):
                export(traces(*(row(each, f"s{each % 7}", f"sql-{each % 7}") for each in again[at : at + 500])))
        there, wrong = stored(server)
        assert (there, wrong) == (sent, [])
    record_property("rounds", rounds)
    record_property("acknowledged", len(acknowledged))
    record_property("opened in at most", f"{max(opening):.1f} s")
    record_property("ended in at most", f"{max(ending):.1f} s")
    in_time("open again", max(opening), 3)
    in_time("the end", max(ending), 10)


def test_a_second_process_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        status, said = up(
            "--data", str(tmp_path / "data"), "--otlp-grpc-port", "0", "--otlp-http-port", "0", "--clickhouse-port", "0"
        )
        assert (status, f"in use by process {server.pid}" in said) == (2, True)
        assert ClickHouseDatabase(server.clickhouse).query("SELECT 1").rows == [(1,)]


@pytest.mark.parametrize("door", ["otlp-grpc", "otlp-http", "clickhouse"])
def test_a_taken_port_is_named_with_its_flag(tmp_path: Path, door: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = dict.fromkeys(("otlp-grpc", "otlp-http", "clickhouse"), "0") | {door: str(taken.getsockname()[1])}
        arguments = [word for name, port in ports.items() for word in (f"--{name}-port", port)]
        status, said = up("--data", str(tmp_path / "data"), *arguments)
    assert status == 2
    assert f"--{door}-port {ports[door]}" in said


def test_a_corrupt_store_is_not_touched_and_said_to_be(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_all_in_one(data) as server, grpc.insecure_channel(server.otlp_grpc) as channel:
        channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(row(1)))
    broken = sorted(data.rglob("unified_logs.sql"))
    assert broken
    for file in broken:
        file.write_text("this is no table")
    before = {str(file): file.read_bytes() for file in broken}
    status, said = up("--data", str(data), "--otlp-grpc-port", "0", "--otlp-http-port", "0", "--clickhouse-port", "0")
    assert (status, "can't be opened" in said or "unified_logs" in said) == (2, True)
    assert {str(file): file.read_bytes() for file in broken} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "give a token (--token-file, RVBBIT_OTEL_TOKEN)"),
        (["--clickhouse-port", "70000"], "--clickhouse-port is 70000"),
        (["--data", "/dev/null"], "--data /dev/null is a file"),
        (["--nonsense"], "No such option"),
    ],
)
def test_an_option_that_can_not_be_is_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    data = [] if "--data" in arguments else ["--data", str(tmp_path / "data")]
    status, output = up(*data, *arguments)
    assert (status, said in output) == (2, True)


def up(*arguments: str) -> tuple[int, str]:
    finished = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "up", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return finished.returncode, finished.stderr
