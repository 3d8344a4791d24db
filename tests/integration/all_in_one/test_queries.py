"""What one query from outside may take, and what ends it."""

from __future__ import annotations

import json
import os
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
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


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
        codes = {answer.result()[2].get("x-clickhouse-exception-code") for answer in answers}
    assert codes <= {"159", "202", "241", "307", "396"}
    _, text, _ = ask(server, "SELECT count() FROM unified_logs WHERE session_id = 'beside-heavy'")
    assert text == "49\n"


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
    for accepted, packed in (("gzip, deflate", "gzip"), ("deflate", "deflate"), ("br", None)):
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
