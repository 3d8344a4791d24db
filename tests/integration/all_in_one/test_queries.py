"""What one query from outside may take, and what ends it."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.programs import until

# In place of a status: the answer began, and had no end.
CUT = 0
MIB = 1024 * 1024
COUNT_FOREVER = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)"
RUNNING = "SELECT count() FROM system.processes WHERE query LIKE '%ignore(number)%' AND query NOT LIKE '%processes%'"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("queries") / "data") as running:
        yield running


def ask(server: AllInOne, sql: str, **settings: str) -> tuple[int, str, dict[str, str]]:
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(settings)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=60) as answer:
            try:
                return answer.status, answer.read().decode(), dict(answer.headers)
            except http.client.IncompleteRead as cut:
                return CUT, cut.partial.decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def code_of(status: int, text: str, headers: dict[str, str]) -> str:
    """The engine's code of a failed question, from the header or, where the answer had begun, from its end."""
    behind = text.rpartition(f"__exception__\r\n{headers.get('x-clickhouse-exception-tag')}\r\n")[2]
    return headers.get("x-clickhouse-exception-code") or behind.removeprefix("Code: ").partition(".")[0]


def high_water(server: AllInOne, reset: bool = False) -> int:
    """The most memory that the server has had, in bytes; with `reset`, from now on."""
    if reset:
        Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def wait_until(server: AllInOne, running: str) -> None:
    until = time.monotonic() + 10
    while ask(server, RUNNING)[1].strip() != running:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_query_ends_at_the_time_it_asked_for(server: AllInOne) -> None:
    status, text, headers = ask(server, COUNT_FOREVER, max_execution_time="1")
    assert (status, headers["x-clickhouse-exception-code"]) == (408, "159"), text


def test_a_query_whose_client_left_is_stopped(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        request = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(COUNT_FOREVER)}\r\n\r\n{COUNT_FOREVER}"
        client.sendall(request.encode())
        wait_until(server, "1")
    wait_until(server, "0")


def test_queries_that_take_all_memory_fail_alone_while_spans_are_stored(server: AllInOne) -> None:
    heavy = [
        "SELECT groupArray(toString(number)) FROM numbers(100000000)",
        "SELECT repeat('x', 1000000000)",
        "SELECT * FROM numbers(30000000)",
        "SELECT count() FROM numbers(10000000) AS a CROSS JOIN numbers(10000000) AS b",
    ]
    with ThreadPoolExecutor(8) as pool, grpc.insecure_channel(server.otlp_grpc) as channel:
        answers = [pool.submit(ask, server, sql, max_execution_time="1") for sql in heavy * 2]
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        for number in range(1, 50):
            export(traces(row(number, "beside-heavy", "sql-fox")))
        codes = {code_of(*answer.result()) for answer in answers}
    assert codes <= {"159", "202", "241", "307", "396"}
    _, text, _ = ask(server, "SELECT count() FROM unified_logs WHERE session_id = 'beside-heavy'")
    assert text == "49\n"


def test_a_long_answer_is_sent_as_it_is_made_and_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data", limits={"result_bytes": 2**40, "result_rows": 10**9}) as server:
        ask(server, "SELECT 1")
        before = high_water(server, reset=True)
        url = f"{server.clickhouse}/?query=SELECT+repeat('x',1000)+FROM+numbers(400000)"
        with urllib.request.urlopen(url, timeout=60) as answer:
            size = 0
            while piece := answer.read(MIB):
                size += len(piece)
            assert (size, answer.headers["Transfer-Encoding"]) == (400_000 * 1001, "chunked")
        assert high_water(server) - before < 200 * MIB


@pytest.mark.parametrize("form", ["JSON", "CSVWithNames", "Native", "Parquet", "Pretty", "ArrowStream"])
def test_a_long_answer_is_byte_for_byte_the_short_way_s(server: AllInOne, form: str) -> None:
    sql = "SELECT number, repeat('y', 50) AS text FROM numbers(100000) SETTINGS output_format_write_statistics = 0, max_threads = 1"
    seen = []
    for whole in ("0", "1"):
        url = f"{server.clickhouse}/?{urllib.parse.urlencode({'default_format': form, 'wait_end_of_query': whole})}"
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=60) as answer:
            seen.append((answer.read(), answer.headers["X-ClickHouse-Format"], answer.headers["Content-Type"]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("rows", "status", "whole"), [(20, 400, "0"), (8000, CUT, "0"), (8000, 400, "1")])
def test_an_answer_of_more_bytes_than_may_be_is_refused_or_cut_off_with_the_reason_at_its_end(
    tmp_path: Path, rows: int, status: int, whole: str
) -> None:
    size = 1000 if status == 400 and whole == "0" else 4 * MIB
    with running_all_in_one(tmp_path / "data", limits={"result_bytes": size}) as server:
        # What is few bytes for the engine is many in this format.
        sql = f"SELECT number AS `{'n' * 1000}` FROM numbers({rows}) FORMAT JSONEachRow"
        seen = ask(server, sql, wait_end_of_query=whole)
        assert (seen[0], code_of(*seen)) == (status, "396"), seen[1][-300:]
        assert len(seen[1]) <= size + 1000
        assert ask(server, "SELECT 1")[:2] == (200, "1\n")
        wait_until(server, "0")


@pytest.mark.parametrize("packed", ["0", "1"])
def test_an_error_behind_what_was_sent_already_is_told_and_the_answer_has_no_end(server: AllInOne, packed: str) -> None:
    sql = "SELECT number, throwIf(number = 700000, 'too far') FROM numbers(900000)"
    seen = ask(server, sql)
    assert (seen[0], code_of(*seen)) == (CUT, "395")
    assert "too far" in seen[1][-600:]
    assert "Traceback" not in server.log()
    assert "ASGI" not in server.log()
    url = f"{server.clickhouse}/?enable_http_compression={packed}"
    request = urllib.request.Request(url, sql.encode(), {"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=30) as answer, pytest.raises(http.client.IncompleteRead):
        answer.read()


def test_a_client_that_does_not_read_its_answer_is_let_go_and_its_query_with_it(tmp_path: Path) -> None:
    limits = {"result_bytes": 2**40, "result_rows": 10**12, "send_seconds": 1}
    with running_all_in_one(tmp_path / "data", limits=limits) as server:
        host, port = server.clickhouse.removeprefix("http://").split(":")
        reading = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%' AND query NOT LIKE '%processes%'"
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"GET /?query=SELECT+sipHash64(number)+FROM+numbers(10000000000) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            )
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
            until("it runs", lambda: ask(server, reading)[1] == "1\n")
            until("it is stopped", lambda: ask(server, reading)[1] == "0\n", 30)
            last = b""
            while piece := client.recv(MIB):
                last = (last + piece)[-20:]
            assert not last.endswith(b"0\r\n\r\n")


def test_answers_that_their_clients_do_not_take_have_a_limit_together_and_then_room_again(tmp_path: Path) -> None:
    limits = {"result_bytes": 8 * MIB, "send_seconds": 2}
    with running_all_in_one(tmp_path / "data", limits=limits) as server, contextlib.ExitStack() as open_ones:
        host, port = server.clickhouse.removeprefix("http://").split(":")
        whole = "query=SELECT+repeat('x',1000)+FROM+numbers(7000)&wait_end_of_query=1"
        for _ in range(2):
            client = open_ones.enter_context(socket.create_connection((host, int(port))))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(f"GET /?{whole} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        status, _, headers = ask(server, "SELECT repeat('x', 1000) FROM numbers(7000)", wait_end_of_query="1")
        assert (status, headers["x-clickhouse-exception-code"]) == (503, "202")
        assert ask(server, "SELECT 1")[:2] == (200, "1\n")
        until(
            "there is room",
            lambda: ask(server, "SELECT repeat('x', 1000) FROM numbers(7000)", wait_end_of_query="1")[0] == 200,
            30,
        )


def test_a_client_of_http_1_0_gets_its_answer_with_its_length(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /?query=SELECT+number+FROM+numbers(500000) HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while piece := client.recv(MIB):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body.endswith(b"\n499999\n")


def test_slow_questions_keep_nobody_from_writing_nor_a_wrong_one_from_its_answer(server: AllInOne) -> None:
    """More of them than there are readers, and than threads that ask."""
    rows = '{"Timestamp": "2100-01-01 00:00:00", "Body": "x"}'
    with ThreadPoolExecutor(8) as pool, grpc.insecure_channel(server.otlp_grpc) as channel:
        slow = [pool.submit(ask, server, COUNT_FOREVER, max_execution_time="4") for _ in range(8)]
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        export(traces(row(900, "beside-slow", "sql-fox")))
        assert ask(server, f"INSERT INTO otel_logs_in (Timestamp, Body) FORMAT JSONEachRow {rows}")[0] == 200
        assert ask(server, "SELEC 1")[2]["x-clickhouse-exception-code"] == "62"
        assert ask(server, "SELECT file('x')")[2]["x-clickhouse-exception-code"] == "497"
        with urllib.request.urlopen(f"{server.clickhouse}/ping", timeout=30) as answer:
            assert answer.read() == b"Ok.\n"
        assert not any(each.done() for each in slow)
        assert {code_of(*each.result()) for each in slow} <= {"159", "202"}


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("JSONEachRow", b"{}\n" * 6_000_000),
        ("RowBinary", bytes(20_000_000)),
        ("Native", b"\x01\xc0\xc3\x93\x09\x08SpanName\x06String" + bytes(19_194_304)),
    ],
)
def test_an_insert_that_unpacks_to_more_than_it_may_take_is_refused_and_the_next_is_stored(
    tmp_path: Path, form: str, data: bytes
) -> None:
    with running_all_in_one(tmp_path / "data", limits={"insert_memory": 300 * MIB}) as server:
        before = high_water(server)
        packed = gzip.compress(f"INSERT INTO otel_traces_in (SpanName) FORMAT {form}\n".encode() + data)
        assert len(packed) < 64 * 1024
        request = urllib.request.Request(f"{server.clickhouse}/", packed, {"Content-Encoding": "gzip"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.headers["x-clickhouse-exception-code"] == "241"
        # The body itself, packed and unpacked, and what the allocator has not given back yet.
        assert high_water(server) - before < 700 * MIB
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            export(traces(row(901, "after-bomb", "sql-fox")))
        assert ask(server, "SELECT count() FROM unified_logs")[1] == "1\n"


def test_what_is_asked_by_head_and_options_has_no_body(server: AllInOne) -> None:
    host, port = server.clickhouse.removeprefix("http://").split(":")
    for method, path, status in (
        ("HEAD", "/?query=SELECT+1", 200),
        ("HEAD", "/", 200),
        ("HEAD", "/ping", 200),
        ("HEAD", "/?query=SELEC", 400),
        ("OPTIONS", "/", 204),
    ):
        connection = http.client.HTTPConnection(host, int(port))
        connection.request(method, path)
        answer = connection.getresponse()
        assert (answer.status, answer.read(), answer.headers["Access-Control-Allow-Origin"]) == (status, b"", None)
        connection.close()


def test_settings_in_the_statement_and_another_database_hold_for_their_question(server: AllInOne) -> None:
    sql = "SELECT getSetting('max_threads'), toUInt64(1) AS x SETTINGS max_threads = 3 FORMAT JSONCompactEachRow"
    assert ask(server, sql)[1] == "[3, 1]\n"
    assert ask(server, sql, max_threads="2")[1] == "[3, 1]\n"
    assert ask(server, "SELECT name FROM tables WHERE name = 'one'", database="system")[1] == "one\n"
    assert ask(server, "SELECT count() > 0 FROM tables", database="information_schema")[1] == "1\n"
    status, text, headers = ask(server, "SELECT 1", database="nowhere")
    assert (status, headers["x-clickhouse-exception-code"]) == (400, "81"), text
    seen = ask(server, COUNT_FOREVER + " SETTINGS max_execution_time = 0.5")
    assert (seen[0], code_of(*seen)) == (408, "159")


@pytest.mark.parametrize(
    ("sql", "form", "content_type"),
    [
        ("SELECT 1", "TabSeparated", "text/tab-separated-values; charset=UTF-8"),
        ("SELECT 1 FORMAT json", "JSON", "application/json; charset=UTF-8"),
        ("SELECT 1 FORMAT CSV", "CSV", "text/csv; charset=UTF-8; header=absent"),
        ("SELECT 1 FORMAT Native", "Native", "application/octet-stream"),
        ("DESCRIBE TABLE unified_logs FORMAT JSONEachRow", "JSONEachRow", "application/x-ndjson; charset=UTF-8"),
        ("EXPLAIN SELECT 1 FORMAT TSV", "TSV", "text/tab-separated-values; charset=UTF-8"),
    ],
)
def test_headers_say_the_format_that_the_statement_names(
    server: AllInOne, sql: str, form: str, content_type: str
) -> None:
    _, _, headers = ask(server, sql)
    assert (headers["x-clickhouse-format"], headers["content-type"]) == (form, content_type)


def test_a_setting_shapes_the_answer_of_its_query_only(server: AllInOne) -> None:
    sql = "SELECT toUInt64(1) AS x FORMAT JSONEachRow"
    assert ask(server, sql, output_format_json_quote_64bit_integers="1")[1] == '{"x":"1"}\n'
    assert ask(server, sql)[1] == '{"x":1}\n'
    assert ask(server, "SELECT toString(toDateTime(0))", session_timezone="Asia/Tokyo")[1] == "1970-01-01 09:00:00\n"


def test_a_setting_that_can_not_be_is_refused_as_the_real_server_words_it(server: AllInOne) -> None:
    status, text, headers = ask(server, "SELECT 1", max_executoin_time="1")
    assert (status, headers["x-clickhouse-exception-code"]) == (404, "115")
    assert "max_executoin_time" in text


def test_the_summary_says_what_was_read(server: AllInOne) -> None:
    _, _, headers = ask(server, "SELECT number FROM numbers(10)")
    summary = json.loads(headers["x-clickhouse-summary"])
    assert (summary["result_rows"], summary["read_rows"]) == ("10", "10")


def test_an_answer_is_packed_only_where_the_client_asked_for_it(server: AllInOne) -> None:
    url = f"{server.clickhouse}/?enable_http_compression=1&query=SELECT+1"
    for accepted, packed in (
        ("gzip, deflate", "gzip"),
        ("deflate", "deflate"),
        ("compress, br;q=0, zstd", "zstd"),
        ("lz4, gzip", "lz4"),
        ("br", "br"),
        ("compress, identity", None),
    ):
        request = urllib.request.Request(url, headers={"Accept-Encoding": accepted})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.headers["Content-Encoding"] == packed


def test_a_signal_to_stop_ends_queries_with_the_engines_own_error(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, COUNT_FOREVER)
        wait_until(server, "1")
        os.kill(server.pid, signal.SIGTERM)
        status, text, headers = answer.result()
        assert (status, headers["x-clickhouse-exception-code"]) == (500, "394"), text
        assert server.process.wait(10) == 0
        assert "Traceback" not in server.log()


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server:
        host, port = server.otlp_http.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            # A body that never comes would be waited for.
            client.sendall(f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n".encode())
            wait_until(server, "0")
            os.kill(server.pid, signal.SIGTERM)
            os.kill(server.pid, signal.SIGINT)
            assert server.process.wait(5) == 1


def test_an_error_with_a_value_that_is_no_utf_8_is_the_engines_own_error(server: AllInOne) -> None:
    status, text, _ = ask(server, "SELECT toUInt8(unhex('96'))")
    assert (status >= 400, text.startswith("Code: ")) == (True, True), text
    assert ask(server, "SELECT 1")[:2] == (200, "1\n")


def test_an_error_about_data_names_no_file_of_the_machine(server: AllInOne) -> None:
    head = urllib.parse.urlencode({"query": "INSERT INTO otel_traces_in (Timestamp) FORMAT TSV"})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{server.clickhouse}/?{head}", b"no time\n", timeout=60)
    text = raised.value.read().decode()
    assert ("CANNOT_PARSE_DATETIME" in text, ".bin" in text, "the data" in text) == (True, False, True), text
