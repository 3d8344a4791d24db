"""The all-in-one over real sockets: stock exporters in, curl and clickhouse-connect out, and what it says to bad input."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator

import clickhouse_connect
import clickhouse_connect.driver.exceptions
import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import SpanRecord, row, traces

from rvbbit_otel.storage.client import ClickHouseDatabase

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("all_in_one") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def database(server: AllInOne) -> ClickHouseDatabase:
    return ClickHouseDatabase(server.clickhouse)


def post(url: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read(), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def callers(database: ClickHouseDatabase, session: str) -> list[tuple[object, ...]]:
    return database.query(
        "SELECT caller_id, count() FROM unified_logs WHERE session_id = {session:String} GROUP BY caller_id",
        {"session": session},
    ).rows


@pytest.mark.parametrize("name", ["grpc", "grpc-gzip", "http", "http-gzip"])
def test_what_a_stock_exporter_sends_is_in_sql_when_it_is_acknowledged(
    server: AllInOne, database: ClickHouseDatabase, name: str
) -> None:
    exporters: dict[str, SpanExporter] = {
        "grpc": GrpcSpans(server.otlp_grpc, insecure=True),
        "grpc-gzip": GrpcSpans(server.otlp_grpc, insecure=True, compression=grpc.Compression.Gzip),
        "http": HttpSpans(f"{server.otlp_http}/v1/traces"),
        "http-gzip": HttpSpans(f"{server.otlp_http}/v1/traces", compression=Compression.Gzip),
    }
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporters[name]))
    session = f"exporter-{name}"
    tracer = provider.get_tracer("t")
    for _ in range(3):
        tracer.start_span("log", attributes={"session.id": session, "rvbbit.caller.id": "sql-fox"}).end()
    assert callers(database, session) == [("sql-fox", 3)]


@pytest.mark.parametrize("name", ["grpc", "http"])
def test_log_records_of_a_stock_exporter_are_stored(server: AllInOne, database: ClickHouseDatabase, name: str) -> None:
    exporter = GrpcLogs(server.otlp_grpc, insecure=True) if name == "grpc" else HttpLogs(f"{server.otlp_http}/v1/logs")
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("t").emit(
        body="hello", attributes={"session.id": f"logs-{name}", "rvbbit.caller.id": "sql-fox"}
    )
    query = "SELECT Body, caller_id FROM otel_logs WHERE session_id = {session:String}"
    assert database.query(query, {"session": f"logs-{name}"}).rows == [("hello", "sql-fox")]


def test_json_with_hex_ids_gives_the_same_rows_as_protobuf(server: AllInOne, database: ClickHouseDatabase) -> None:
    request = ExportTraceServiceRequest.FromString(
        traces(row(500, "json", yes=True, whole=2**60, real=0.5, listed=["a", 1]))
    )
    document = MessageToDict(request)
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["traceId"], span["spanId"] = f"{501:032x}", f"{501:016x}"
    document["unknownField"] = {"deep": [1]}
    status, body, headers = post(
        f"{server.otlp_http}/v1/traces", json.dumps(document).encode(), Content_Type=f"{JSON}; charset=utf-8"
    )
    assert (status, json.loads(body), headers["content-type"]) == (200, {}, JSON)
    query = "SELECT TraceId, SpanId, SpanAttributes FROM otel_traces WHERE session_id = 'json'"
    stamp = {"session.id": "json", "rvbbit.caller.id": "sql-fox", "rvbbit.caller.source": "echo"}
    values = {"yes": "true", "whole": str(2**60), "real": "0.5", "listed": '["a",1]'}
    assert database.query(query).rows == [(f"{501:032x}", f"{501:016x}", stamp | values)]


def test_spans_that_must_be_left_out_are_told_to_their_sender_and_the_rest_is_stored(
    server: AllInOne, database: ClickHouseDatabase
) -> None:
    body = traces(
        row(600, "partial"),
        SpanRecord(601, {"session.id": "partial"}, trace=b"x"),
        SpanRecord(602, {"session.id": "partial"}, at=0),
    )
    status, answer, _ = post(f"{server.otlp_http}/v1/traces", body, Content_Type=PROTOBUF)
    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (status, told.rejected_spans) == (200, 2)
    assert told.error_message == (
        "spans left out: 1 without a valid time (at most 90 days ago and a day ahead), "
        "1 without a valid trace id (16 bytes, not all zero); the rest is stored"
    )
    assert callers(database, "partial") == [("sql-fox", 1)]
    status, answer, _ = post(f"{server.otlp_http}/v1/traces", traces(row(603, "whole")), Content_Type=PROTOBUF)
    assert (status, answer) == (200, b"")


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"\xff\xff\xff", {"Content_Type": PROTOBUF}, 400, "no ExportTraceServiceRequest"),
        (traces(row(1))[:-3], {"Content_Type": PROTOBUF}, 400, "no ExportTraceServiceRequest"),
        (b"{", {"Content_Type": JSON}, 400, "no JSON"),
        (b'{"resourceSpans": 1}', {"Content_Type": JSON}, 400, "no ExportTraceServiceRequest"),
        (
            b'{"resourceSpans":' + b"[" * 200 + b"]" * 200 + b"}",
            {"Content_Type": JSON},
            400,
            "no ExportTraceServiceRequest",
        ),
        (b"[" * 200_000, {"Content_Type": JSON}, 400, "no JSON"),
        (b"x", {"Content_Type": "text/plain"}, 415, "text/plain"),
        (b"x", {"Content_Type": PROTOBUF, "Content_Encoding": "br"}, 415, "gzip, deflate"),
        (b"not gzip", {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}, 400, "unpacked"),
        (
            gzip.compress(traces(row(1)))[:-9],
            {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"},
            400,
            "in the middle",
        ),
        (
            gzip.compress(bytes(64 << 20)),
            {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"},
            413,
            "over 20971520 bytes",
        ),
        (
            zlib.compress(bytes(64 << 20)),
            {"Content_Type": PROTOBUF, "Content_Encoding": "deflate"},
            413,
            "over 20971520 bytes",
        ),
        (bytes(21 << 20), {"Content_Type": PROTOBUF}, 413, "over 20971520 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_body_that_can_not_be_taken_gets_a_clear_error_and_the_next_one_is_taken(
    server: AllInOne, database: ClickHouseDatabase, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    seen, answer, answered = post(f"{server.otlp_http}/v1/traces", body, **headers)
    protobuf = answered["content-type"] == PROTOBUF
    message = Status.FromString(answer).message if protobuf else json.loads(answer)["message"]
    assert seen == status
    assert said in message
    assert protobuf == (headers["Content_Type"] == PROTOBUF)
    assert post(f"{server.otlp_http}/v1/traces", traces(row(700, "after")), Content_Type=PROTOBUF)[0] == 200
    assert callers(database, "after") == [("sql-fox", 1)]


def test_metrics_are_refused_with_a_word_on_what_to_do(server: AllInOne) -> None:
    status, answer, _ = post(f"{server.otlp_http}/v1/metrics", b"", Content_Type=PROTOBUF)
    assert (status, json.loads(answer)["message"]) == (
        404,
        "metrics are not stored here: set OTEL_METRICS_EXPORTER=none",
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT), (bytes(21 << 20), grpc.StatusCode.RESOURCE_EXHAUSTED)],
    ids=["unreadable", "too large"],
)
def test_grpc_refuses_what_it_can_not_take_with_the_right_code(
    server: AllInOne, body: bytes, code: grpc.StatusCode
) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as raised:
            export(body, compression=grpc.Compression.Gzip)
        assert raised.value.code() is code
        assert export(traces(row(800, "after-grpc"))) == b""


def test_five_hundred_half_open_connections_leave_room_for_a_good_client(
    server: AllInOne, database: ClickHouseDatabase
) -> None:
    host, port = server.otlp_http.removeprefix("http://").split(":")
    idle = []
    try:
        for _ in range(500):
            half = socket.create_connection((host, int(port)))
            half.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            idle.append(half)
        assert post(f"{server.otlp_http}/v1/traces", traces(row(900, "crowded")), Content_Type=PROTOBUF)[0] == 200
    finally:
        for half in idle:
            half.close()
    assert callers(database, "crowded") == [("sql-fox", 1)]


def test_curl_asks_by_body_by_parameter_and_by_get(server: AllInOne) -> None:
    def curl(*arguments: str) -> str:
        return subprocess.run(
            ["curl", "-sS", *arguments], capture_output=True, text=True, check=True, timeout=30
        ).stdout

    assert curl(server.clickhouse, "--data-binary", "SELECT 1 + 1") == "2\n"
    assert curl(f"{server.clickhouse}/?query=SELECT+2&default_format=JSONEachRow") == '{"2":2}\n'
    assert curl(f"{server.clickhouse}/?param_x=a%5Ctb&query=SELECT+%7Bx:String%7D") == "a\\tb\n"
    assert curl("-H", "X-ClickHouse-Format: CSV", server.clickhouse, "-d", "SELECT 'a,b'") == '"a,b"\n'
    assert curl(f"{server.clickhouse}/ping") == "Ok.\n"
    assert curl("--compressed", f"{server.clickhouse}/?enable_http_compression=1", "-d", "SELECT 3") == "3\n"
    assert curl("-u", "default:", server.clickhouse, "-d", "SELECT currentUser() FORMAT TSV") == "default\n"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELEC 1 FROM", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT nothing", 400, "47"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT {x:String}", 400, "456"),
        ("SELECT 1 FORMAT Nonsense", 400, "73"),
        ("SELECT repeat('x', 1000000000)", 500, "241"),
        ("DROP TABLE unified_logs", 403, "497"),
    ],
)
def test_an_error_has_the_engines_code_and_words(server: AllInOne, query: str, status: int, code: str) -> None:
    seen, answer, headers = post(server.clickhouse, query.encode())
    assert (headers["x-clickhouse-exception-code"], seen) == (code, status)
    assert answer.decode().startswith(f"Code: {code}. DB::Exception: ")


def test_clickhouse_connect_reads_with_parameters_and_streams(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port)) as client:
        hostile = "a\tb\\c\n'\"`\x1b[31m\x00é"
        assert client.query(
            "SELECT {x:String}, {y:Array(UInt8)}", parameters={"x": hostile, "y": [1, 2]}
        ).result_rows == [(hostile, [1, 2])]
        with client.query_row_block_stream("SELECT number FROM numbers(200000)") as stream:
            assert sum(len(block) for block in stream) == 200_000
        assert client.query_df("SELECT 1 AS a").a.tolist() == [1]


def test_clickhouse_connect_sets_what_may_be_set_and_is_told_what_may_not(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    with clickhouse_connect.get_client(host=host, port=int(port)) as client:
        given = {"max_threads": 3, "session_timezone": "Asia/Tokyo", "max_execution_time": 2.5}
        asked = "SELECT getSetting('max_threads'), getSetting('session_timezone'), getSetting('max_execution_time')"
        assert client.query(asked, settings=given).result_rows == [(3, "Asia/Tokyo", 2.5)]
        with pytest.raises(clickhouse_connect.driver.exceptions.ProgrammingError, match="readonly"):
            client.query("SELECT 1", settings={"format_schema": "x"})
        told = (
            "SELECT s.name, readonly FROM system.settings AS s WHERE name IN ('readonly', 'max_threads') ORDER BY name"
        )
        assert client.query(told).result_rows == [("max_threads", 0), ("readonly", 1)]
    with clickhouse_connect.get_client(host=host, port=int(port), database="system") as client:
        assert client.query("SELECT count() FROM one").result_rows == [(1,)]


def test_clickhouse_connect_is_told_of_an_error_behind_the_begin_of_an_answer(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    with (
        clickhouse_connect.get_client(host=host, port=int(port)) as client,
        pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match="too far"),
    ):
        client.query("SELECT number, throwIf(number = 700000, 'too far') FROM numbers(900000)")


def test_clickhouse_connect_writes_to_the_landing_table_of_the_collector(
    server: AllInOne, database: ClickHouseDatabase
) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    names = ["Timestamp", "TraceId", "SpanId", "SpanName", "ServiceName", "SpanAttributes", "Duration", "StatusCode"]
    with clickhouse_connect.get_client(host=host, port=int(port), compress=False) as client:
        now = client.query("SELECT now64(9)").result_rows[0][0]
        attributes = {"session.id": "collector", "rvbbit.caller.id": "sql-fox"}
        client.insert(
            "otel_traces_in", [[now, "a" * 32, "b" * 16, "log", "runner", attributes, 5, "Ok"]] * 2, column_names=names
        )
    assert callers(database, "collector") == [("sql-fox", 1)]
