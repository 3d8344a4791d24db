"""Questions that no limit of the engine stops: they cost their own client an answer, and nobody else anything (ADR 78)."""

from __future__ import annotations

import contextlib
import http.client
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.programs import until

# A pattern as long as that walks for minutes through a text, in one call. If a limit of the engine comes to reach it, another is to be found.
STUCK = "SELECT repeat('a', 1000000) LIKE concat('%', repeat('a%', 30000), 'b')"
IN_ENGINE = "SELECT count() FROM system.processes WHERE query LIKE '%30000%' AND query NOT LIKE '%processes%'"

# What grows without an end, and has one all the same: its limit of time, of memory, of rows, or the parser's own.
BOMBS = (
    f"SELECT 1 AS a0, {', '.join(f'a{n} + a{n} AS a{n + 1}' for n in range(40))}",
    f"WITH {', '.join(['x -> x + x AS f0', *(f'x -> f{n}(f{n}(x)) AS f{n + 1}' for n in range(30))])} SELECT f30(1)",
    f"SELECT count() FROM numbers(10) GROUP BY {', '.join(f'number + {n}' for n in range(30))} WITH CUBE",
    "SELECT count() FROM (SELECT number FROM numbers(2) ORDER BY number WITH FILL FROM 0 TO 1000000000000000)",
    "SELECT number FROM numbers(1000000000000000) LIMIT 1 OFFSET 900000000000000",
    "SELECT * FROM primes LIMIT 1 OFFSET 1000000000000",
    "SELECT max(m) FROM (SELECT uniqExact(number) OVER (ROWS BETWEEN 60000 PRECEDING AND 60000 FOLLOWING) AS m FROM numbers(100000000))",
    "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x FROM r AS a, r AS b) SELECT count() FROM r",
    "SELECT count() FROM " + ", ".join(f"numbers(100) AS t{n}" for n in range(60)),
    "SELECT length(toString(arrayFold((a, x) -> a * a, range(1000000), toInt256(3))))",
    "SELECT length(replaceRegexpAll(repeat('a', 1000000), 'a', repeat('b', 1000000)))",
    "SELECT match(repeat('a', 1000000), '(x{0,1000}a){0,1000}$')",
    "SELECT * FROM generateRandom('a Array(Array(Array(String)))', 1, 1000000000, 1000000000) LIMIT 1",
    "SELECT toFixedString('x', 2000000000)",
    "SELECT sumResample(0, 1000000, 1)(number, number) FROM numbers(10) GROUP BY number",
    "SELECT groupArrayInsertAt(number, 1000000000) FROM numbers(2)",
    "SELECT JSONLength(repeat('[', 1000000) || repeat(']', 1000000))",
    "SELECT sleepEachRow(1) FROM numbers(100) SETTINGS max_block_size = 1",
    "SELECT formatQueryOrNull('SELECT ' || repeat('x[', 10000))",
    f"SELECT CAST(1, '{'Array(' * 5000}UInt8{')' * 5000}')",
    f"SELECT {'(SELECT ' * 2000}",
    f"SELECT 1{' ? 1 : 1' * 10000}",
    f"SELECT {'x -> ' * 5000}1",
)


def ask(server: AllInOne, sql: str, **settings: str) -> tuple[int, str]:
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(settings)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-clickhouse-exception-code"]


def test_a_bomb_frees_what_it_took_and_the_next_question_is_answered(tmp_path: Path) -> None:
    running = "SELECT count() FROM system.processes WHERE query NOT LIKE '%processes%'"
    with running_all_in_one(tmp_path / "data") as server:
        for bomb in BOMBS:
            with contextlib.suppress(http.client.IncompleteRead):  # It had begun its answer.
                ask(server, bomb, max_execution_time="1")
            until(f"nothing runs of {bomb[:200]}", lambda: ask(server, running) == (200, "0\n"))
        assert server.process.poll() is None
        assert "Traceback" not in server.log()


def test_questions_that_do_not_stop_hold_no_place_and_end_with_the_process(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data", limits={"readers": 1}) as server, ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(ask, server, STUCK, max_execution_time="1")
        until("it is in the engine", lambda: ask(server, IN_ENGINE) == (200, "1\n"), 60)
        assert stuck.result() == (408, "159")
        # The only place is another's, while it goes on.
        assert ask(server, "SELECT 1") == (200, "1\n")
        assert ask(server, IN_ENGINE) == (200, "1\n")
        with urllib.request.urlopen(f"{server.otlp_http}/healthz", timeout=30) as answer:
            assert b'"errors.sql.not_stopped":1' in answer.read().replace(b" ", b"")
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(row(1)))
        assert ask(server, "SELECT count() FROM otel_traces") == (200, "1\n")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert "a question that the engine does not stop ends with the process" in server.log()
    with running_all_in_one(tmp_path / "data") as server:
        assert ask(server, "SELECT count() FROM otel_traces") == (200, "1\n")


def test_a_question_that_does_not_stop_can_be_killed_by_its_name(tmp_path: Path) -> None:
    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(ask, server, STUCK, query_id="stuck")
        until("it is in the engine", lambda: ask(server, IN_ENGINE) == (200, "1\n"), 60)
        status, text = ask(server, "KILL QUERY WHERE query_id = 'stuck' SYNC")
        assert (status, text.split("\t")[:2]) == (200, ["finished", "stuck"])
        assert stuck.result()[1] == "394"


@pytest.mark.parametrize("sync", ["SYNC", "ASYNC"])
def test_a_question_that_waits_for_storing_can_be_killed(tmp_path: Path, sync: str) -> None:
    # What is acknowledged is never stored.
    first = (
        "from rvbbit_otel.all_in_one.ingest import storing\nimport time\n"
        "storing.Storing.store = lambda self, requests, wait=time.sleep: wait(1000)"
    )
    with running_all_in_one(tmp_path / "data", first=first) as server, ThreadPoolExecutor(2) as pool:
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(row(1)))
        waiting = pool.submit(ask, server, "SELECT 1", query_id="waiting")
        begun = time.monotonic()

        def killed() -> bool:
            return ask(server, f"KILL QUERY WHERE query_id = 'waiting' {sync}")[1] != ""

        until("it was there to be killed", killed)
        assert waiting.result() == (500, "394")
        assert time.monotonic() - begun < 25  # Its own limit is 30.
        assert ask(server, "SELECT 2", select_sequential_consistency="0") == (200, "2\n")
        server.process.kill()  # It would wait for its storing.
