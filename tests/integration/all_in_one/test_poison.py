"""A body that the engine does not read, and a store that is damaged: what is stored, and what is set aside."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.conftest import Store
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import NOW, SpanRecord, row, traces
from tests.support.otlp_values import stored_text
from tests.support.programs import until

from rvbbit_otel.all_in_one.engine.engine import Engine, Session
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.ingest.trial import Fault, find_fault
from rvbbit_otel.all_in_one.otlp.requests import Request, prepare
from rvbbit_otel.errors import StoreError
from rvbbit_otel.storage.audits import find_audit, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

# What the protobuf library reads, passing over what it does not know, and the engine does not.
POISON = [
    b"\x08\x01",
    b"\x0d\x00\x00\x00\x00",
    b"\x0a\x02\x08\x01",
    b"\x0a\x04\x12\x02\x08\x01",
    b"\x0a\x06\x12\x04\x12\x02\x08\x01",
    b"\x0a\x08\x12\x06\x12\x04\x48\x01\x28\x01",
    b"\x2b\x08\x01\x2c",
]
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def sent_by_grpc(server: AllInOne, body: bytes) -> str:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        try:
            channel.unary_unary(EXPORT)(body, timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
        return "OK"


def sent_by_http(server: AllInOne, body: bytes) -> int:
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers), timeout=60
        ) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_poison_beside_good_spans_costs_none_of_them(tmp_path: Path) -> None:
    good = [traces(*(row(5 * number + index) for index in range(5))) for number in range(60)]
    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(12) as pool:
        bad = [POISON[number % len(POISON)] for number in range(60)]
        mixed = [body for pair in zip(good, bad, strict=True) for body in pair]
        ways = [sent_by_grpc, sent_by_http]
        answers = list(pool.map(lambda each: ways[each[0] // 2 % 2](server, each[1]), enumerate(mixed)))
        assert set(answers) == {"OK", 200}
        database = ClickHouseDatabase(server.clickhouse)
        assert database.query("SELECT count(), uniqExact(span_id) FROM unified_logs").rows == [(300, 300)]
        # Poison at the end of a good body, and at its start.
        assert sent_by_grpc(server, traces(row(1000)) + POISON[0]) == "OK"
        assert sent_by_http(server, POISON[5] + traces(row(1001))) == 200
        assert database.query("SELECT count() FROM unified_logs").rows == [(302,)]


@contextmanager
def damaged(server: AllInOne, database: ClickHouseDatabase, table: str, columns: str) -> Iterator[None]:
    """Bytes of a table's one part are changed, at a place that these columns can't be read without; they are put right at the end."""
    (path,) = (
        Path(str(path))
        for (path,) in database.query(f"SELECT path FROM system.parts WHERE table = '{table}' AND active").rows
    )
    file = max(path.iterdir(), key=lambda each: each.stat().st_size)
    whole = file.read_bytes()
    step = max(len(whole) // 64, 1)
    try:
        for start in range(0, len(whole), step):
            changed = bytes(byte ^ 0x5A for byte in whole[start : start + step])
            file.write_bytes(whole[:start] + changed + whole[start + step :])
            try:
                database.query(f"SELECT sum(cityHash64({columns})) FROM {table}")
            except StoreError:
                yield
                return
        raise AssertionError("nothing that was changed mattered")
    finally:
        file.write_bytes(whole)


def test_a_damaged_part_sets_aside_what_meets_it_takes_the_others_and_loses_nothing(tmp_path: Path) -> None:
    def meets(number: int) -> bytes:
        return traces(row(number), row(10_000 + number))

    def elsewhere(number: int) -> bytes:
        return traces(SpanRecord(50_000 + number, {"session.id": "other"}, at=NOW - 3600 * 10**9, name="elsewhere"))

    def quarantine(*words: str) -> str:
        command = [sys.executable, "-m", "rvbbit_otel", "quarantine", *words, "--dsn", server.clickhouse]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(12) as pool:
        database = ClickHouseDatabase(server.clickhouse)
        rule = find_audit("quarantined-requests")
        assert run_audit(database, rule).holds
        assert sent_by_grpc(server, traces(*(row(number) for number in range(2000)))) == "OK"
        assert database.query("SELECT count() FROM unified_logs").rows == [(2000,)]
        with damaged(server, database, "otel_traces", "TraceId, SpanId, ServiceName, SpanName, Timestamp"):
            bodies = [meets(number) if number % 3 == 0 else elsewhere(number) for number in range(24)]
            answers = list(pool.map(lambda body: sent_by_grpc(server, body), bodies))
            assert answers == ["OK"] * 24
            assert database.query("SELECT count() FROM unified_logs WHERE session_id = 'other'").rows == [(16,)]
            found = json.loads(quarantine("list", "--json"))
            assert {(each["signal"], each["reason"]) for each in found} == {("traces", "store")}
            assert sorted(each["size"] for each in found) == sorted(len(meets(number)) for number in range(0, 24, 3))
            finding = run_audit(database, rule)
            assert (finding.holds, len(finding.rows)) == (False, 8)
            assert health(server)["quarantined"] == 8
            assert server.log().count("NOT STORED") == 8
        # Whatever was damaged is well again; what was set aside is tried again by itself in a while, and at once if somebody says so.
        assert "tried again" in quarantine("retry", "--all")
        until("it is stored", lambda: health(server)["quarantined"] == 0)
        assert run_audit(database, rule).holds
        assert database.query("SELECT count(), uniqExact(span_id) FROM unified_logs").rows == [(2024, 2024)]
        assert quarantine("list") == "nothing is in quarantine\n"
        assert [name for (name,) in database.query("SHOW DATABASES").rows if "trial" in str(name)] == []


def health(server: AllInOne) -> dict[str, Any]:
    with urllib.request.urlopen(server.otlp_http + "/healthz", timeout=30) as response:
        found: dict[str, Any] = json.loads(response.read())
        return found


def test_what_no_store_can_take_is_the_requests_fault_and_leaves_nothing_behind(store: Store) -> None:
    for body in (b"\x08\x01", traces(row(1)) + b"\x08\x01", traces(row(1))[:-3]):
        assert find_fault(store.engine, traces_insert(), Request("traces", body, 1)) is Fault.REQUEST
    assert find_fault(store.engine, logs_insert(), Request("logs", b"\x08\x01", 1)) is Fault.REQUEST
    assert find_fault(store.engine, traces_insert(), prepare("traces", traces(row(1)))) is Fault.STORE
    assert store.rows("SELECT count() FROM otel_traces") == [(0,)]
    assert store.rows("SELECT name FROM system.databases WHERE name LIKE '%trial%'") == []


def test_where_not_even_a_good_request_can_be_stored_it_is_the_machine(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Session, statement: str, body: bytes, format_name: str) -> None:
        raise EngineError("Code: 243. DB::Exception: no space. (NOT_ENOUGH_SPACE)")

    monkeypatch.setattr(Session, "insert", full)
    assert find_fault(store.engine, traces_insert(), Request("traces", POISON[0], 1)) is Fault.MACHINE
    monkeypatch.undo()

    def no_tables(self: Engine, database: str) -> Iterator[Session]:
        raise EngineError("Code: 243. DB::Exception: no space. (NOT_ENOUGH_SPACE)")

    monkeypatch.setattr(Engine, "aside", no_tables)
    assert find_fault(store.engine, traces_insert(), Request("traces", POISON[0], 1)) is Fault.MACHINE


def test_memory_that_is_short_for_a_good_request_of_that_size_is_the_machines(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = Session.insert

    def short(self: Session, statement: str, body: bytes, format_name: str) -> None:
        asked.append(len(body))
        if len(body) > 1_000:
            raise EngineError("Code: 241. DB::Exception: no memory. (MEMORY_LIMIT_EXCEEDED)")
        real(self, statement, body, format_name)

    monkeypatch.setattr(Session, "insert", short)
    large = prepare("traces", traces(row(1, text="x" * 20_000)))
    assert find_fault(store.engine, traces_insert(), large) is Fault.MACHINE
    assert asked[0] > 20_000 and asked[1] > 1_000


def test_the_body_that_was_stored_last_is_not_left_on_the_disk(store: Store) -> None:
    store.send(traces(row(1, secret=stored_text("a-secret"))))
    folder = store.engine._options.data
    assert [each.name for each in folder.iterdir() if each.suffix == ".bin"] == []
