"""Figures 5, 6, 13 and 14: senders that lose their answers, a full disk, connections that are left half open, and what is legal and odd."""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import NOW, SpanRecord, row, traces
from tests.support.programs import until
from tests.support.sizes import SEED, in_time, sized
from tests.support.tcp_proxy import TcpProxy

from rvbbit_otel.all_in_one.otlp import json_encoding
from rvbbit_otel.errors import StoreError
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase

Record = Callable[[str, object], None]
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
COUNTS = (
    "SELECT (SELECT count() FROM unified_logs), (SELECT uniqExact(span_id) FROM unified_logs), (SELECT count() FROM otel_traces), "
    "(SELECT count() FROM session_state), (SELECT sum(usage_rows) FROM cascade_sessions)"
)


def post(url: str, body: bytes, content_type: str = PROTOBUF) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}/v1/traces", body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def broken_rules(database: ClickHouseDatabase) -> list[str]:
    return [audit.name for audit in load_audits() if audit.is_rule and run_audit(database, audit).rows]


@pytest.mark.figure(5)
def test_answers_that_are_cut_off_and_spans_that_come_again_in_other_batches(
    tmp_path: Path, record_property: Record
) -> None:
    cut, regrouped = sized(10, bounded=40, full=200), sized(5, bounded=20, full=100)
    dice = random.Random(SEED)
    spans = [
        row(number, f"s{number % 20}", f"sql-{number % 20}", rvbbit__kind="log", text="x" * 4000)
        for number in range(20 * cut)
    ]
    batches = [traces(*spans[at : at + 20]) for at in range(0, len(spans), 20)]
    with running_all_in_one(tmp_path / "data") as server, TcpProxy(server.otlp_http) as proxy:
        proxy.answers_to_lose = cut
        for batch in batches:
            with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
                post(f"http://{proxy.address}", batch)
        assert proxy.answers_to_lose == 0
        database = ClickHouseDatabase(server.clickhouse)
        kept = (len(spans), len(spans), len(spans), 20, 0)
        until(
            "what was sent is stored",
            lambda: database.query(COUNTS).rows == [kept],
            why=lambda: database.query(COUNTS).rows,
        )
        for batch in batches:
            assert post(server.otlp_http, batch)[0] == 200
        for _ in range(regrouped):
            again = dice.sample(spans, dice.randint(1, 60))
            assert post(server.otlp_http, traces(*again))[0] == 200
        assert database.query(COUNTS).rows == [kept]
        assert broken_rules(database) == []
    record_property("spans", len(spans))
    record_property("answers cut off", cut)
    record_property("regrouped", regrouped)


@pytest.mark.figure(6)
def test_a_disk_without_room_for_rows_keeps_what_it_acknowledged_and_leaves_nothing_partial(
    tmp_path: Path, record_property: Record
) -> None:
    batch = traces(*(row(number, f"s{number % 5}", f"sql-{number % 5}") for number in range(500)))
    with running_all_in_one(tmp_path / "data") as server:
        assert post(server.otlp_http, traces(row(10**6, "first")))[0] == 200
    # The engine keeps so much of its disk free: more than there is. The journal has room, and so takes what comes.
    configuration = (
        "import rvbbit_otel.all_in_one.engine.grants as grants\n"
        "grants._CONFIGURATION = grants._CONFIGURATION.replace('<merge_tree>', '<merge_tree><min_free_disk_bytes_to_perform_insert>'"
        " '1000000000000000</min_free_disk_bytes_to_perform_insert>')\n"
    )
    now = "?select_sequential_consistency=0"
    with running_all_in_one(tmp_path / "data", first=configuration) as server:
        for _ in range(3):
            assert post(server.otlp_http, batch)[0] == 200
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            channel.unary_unary(EXPORT)(batch, timeout=60)
        until("nothing can be stored", lambda: health(server)["status"] == "not storing", 60)
        with pytest.raises(StoreError, match="can't be stored now"):
            ClickHouseDatabase(server.clickhouse).query("SELECT count() FROM unified_logs")
        with urllib.request.urlopen(f"{server.clickhouse}/{now}", b"SELECT count() FROM unified_logs", 60) as answer:
            assert answer.read() == b"1\n"
        assert (health(server)["quarantined"], health(server)["queued_bytes"] > 0) == (0, True)
    with running_all_in_one(tmp_path / "data") as server:
        database = ClickHouseDatabase(server.clickhouse)
        assert database.query(COUNTS).rows == [(501, 501, 501, 6, 0)]
        assert post(server.otlp_http, batch)[0] == 200
        assert database.query(COUNTS).rows == [(501, 501, 501, 6, 0)]
        assert broken_rules(database) == []
    record_property("acknowledged, and stored after", 4)


def health(server: AllInOne) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.otlp_http}/healthz", timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def descriptors(server: AllInOne) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


@pytest.mark.figure(13)
def test_half_open_connections_leave_a_good_client_alone_and_are_given_back(
    tmp_path: Path, record_property: Record
) -> None:
    seconds = sized(1, bounded=5, full=30)
    with running_all_in_one(tmp_path / "data") as server:
        numbers = iter(range(10**9))

        def times(until_seconds: float) -> float:
            """The 99th percentile of a good client's requests over so many seconds, at least twenty of them."""
            begun, seen = time.monotonic(), []
            while time.monotonic() - begun < until_seconds or len(seen) < 20:
                start = time.monotonic()
                assert post(server.otlp_http, traces(row(next(numbers), "good")))[0] == 200
                seen.append(time.monotonic() - start)
            return sorted(seen)[len(seen) * 99 // 100]

        times(1)
        before, alone = descriptors(server), times(seconds)
        host, port = server.otlp_http.removeprefix("http://").split(":")
        begins = (
            b"",
            b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nx",
        )
        with ExitStack() as opened:
            for number in range(500):
                half = opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
                with suppress(ConnectionError):
                    half.sendall(begins[number % 3])
            crowded = times(seconds)
        # The engine opens and closes files of its own.
        until(
            "descriptors are given back",
            lambda: descriptors(server) <= before + 40,
            why=lambda: (before, descriptors(server)),
        )
        after = descriptors(server)
        stored = next(numbers)
        assert ClickHouseDatabase(server.clickhouse).query("SELECT count() FROM unified_logs").rows == [(stored,)]
    record_property("p99", f"{alone * 1000:.0f} ms alone, {crowded * 1000:.0f} ms beside 500")
    record_property("descriptors", f"{before} before, {after} after")
    in_time("p99 beside half-open connections", crowded, 2 * alone)


def nested(depth: int) -> object:
    value: object = "leaf"
    for _ in range(depth):
        value = [value]
    return value


def odd(number: int) -> list[SpanRecord]:
    """Spans as the specification allows them and nobody expects them; two usual ones stand around each."""
    kinds: tuple[Mapping[str, Any], ...] = (
        {"attributes": {"deep": nested(1 + number % 40)}},
        {"attributes": {f"a{at}": at for at in range(128 + number)}},
        {"attributes": {"long": "é" * (500_000 + number)}},
        {"trace": b""},
        {"span": b""},
        {"trace": bytes(16)},
        {"parent": b"\x01"},
        {"at": 0},
        {"at": 2**63},
        {"at": 2**64 - 1, "took": 0},
        {"took": 2**62},
        {"name": ""},
        {"name": "x" * 100_000},
        {"attributes": {"": "empty key", "a.b": 1, "__proto__": {"x": 1}, "x" * 65_536: ""}},
        {"attributes": {"empty": [], "nothing": {}, "bytes": b"\x00" * 1000, "most": 2**63 - 1, "least": -(2**63)}},
        {"attributes": {"numbers": [float("inf"), float("-inf"), float("nan"), -0.0, 5e-324]}},
        {"error": "", "exception": "\x00\x1b[31m\u202e"},
        {"attributes": {"session.id": "", "rvbbit.caller.id": ""}},
        {"attributes": {"session.id": "s" * 10_000, "rvbbit.caller.id": "c" * 10_000}},
        {"at": NOW - 91 * 86_400 * 10**9},
    )
    chosen = {"attributes": {"session.id": f"odd-{number}"}, **kinds[number % len(kinds)]}
    at = 10_000 + 10 * number
    return [row(at, f"odd-{number}"), SpanRecord(at + 1, **chosen), row(at + 2, f"odd-{number}")]


def as_json(body: bytes) -> bytes:
    def with_hex(value: Any) -> Any:
        if isinstance(value, list):
            return [with_hex(item) for item in value]
        if isinstance(value, dict):
            return {
                key: hexed(item) if key in ("traceId", "spanId", "parentSpanId") else with_hex(item)
                for key, item in value.items()
            }
        return value

    def hexed(text: str) -> str:
        return base64.b64decode(text).hex()

    return json.dumps(with_hex(MessageToDict(ExportTraceServiceRequest.FromString(body)))).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("odd") / "data") as running:
        yield running


@pytest.mark.figure(14)
@pytest.mark.parametrize("way", ["grpc", "protobuf", "json"])
def test_what_is_legal_and_odd_is_stored_or_told_span_by_span(
    server: AllInOne, way: str, record_property: Record
) -> None:
    database = ClickHouseDatabase(server.clickhouse)
    count = "SELECT count() FROM otel_traces"
    ((before,),) = database.query(count).rows
    offset = {"grpc": 0, "protobuf": 100, "json": 200}[way]
    sent = sized(20, full=100)

    def send(number: int) -> int:
        """How many spans of the batch its sender is told of as left out."""
        body = traces(*odd(offset + number))
        if way == "grpc":
            with grpc.insecure_channel(server.otlp_grpc) as channel:
                answer = channel.unary_unary(EXPORT)(body, timeout=60)
        elif way == "protobuf":
            status, answer = post(server.otlp_http, body)
            assert status == 200, number
        else:
            status, said = post(server.otlp_http, as_json(body), JSON)
            assert status == 200, (number, said)
            return int(json.loads(said).get("partialSuccess", {}).get("rejectedSpans", 0))
        return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)

    with ThreadPoolExecutor(10) as pool:
        rejected = sum(pool.map(send, range(sent)))
    ((after,),) = database.query(count).rows
    assert (int(str(after)) - int(str(before)) + rejected, 0 < rejected < sent) == (3 * sent, True)
    usual = "SELECT count() FROM unified_logs WHERE startsWith(session_id, 'odd-') AND caller_id = 'sql-fox'"
    assert int(str(database.query(usual).rows[0][0])) >= 2 * sent
    record_property("spans", f"{3 * sent} sent, {rejected} told as left out, the rest stored")


def test_the_door_reads_json_as_the_test_writes_it() -> None:
    body = traces(row(1), SpanRecord(2, {"a": [1, {"b": b"x"}]}))
    assert ExportTraceServiceRequest.FromString(
        json_encoding.to_protobuf("traces", as_json(body))
    ) == ExportTraceServiceRequest.FromString(body)
