"""Questions that no limit of the engine stops: they cost their own client an answer, and nobody else anything (ADR 78)."""

from __future__ import annotations

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


def ask(server: AllInOne, sql: str, **settings: str) -> tuple[int, str]:
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(settings)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-clickhouse-exception-code"]


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
