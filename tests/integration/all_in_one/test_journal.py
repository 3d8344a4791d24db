"""The journal of the real all-in-one: what is answered is there for whoever asks, once, wherever the process or its files end."""

from __future__ import annotations

import os
import random
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from benchmarks.recorded import Bodies
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import logs, row, traces

from rvbbit_otel.storage.client import ClickHouseDatabase

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
LINES = logs([(f"line {number}", {}) for number in range(50)])
# Of the example runner's rows: what takes seconds to store, and a fraction of that to answer.
MANY, SPANS = 40, 5_000


def export(server: AllInOne, bodies: list[bytes], service: str = TRACES) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        for body in bodies:
            channel.unary_unary(service)(body, timeout=60)


def ask(server: AllInOne, question: str, headers: dict[str, str] | None = None, url: str = "") -> str:
    request = urllib.request.Request(f"{server.clickhouse}/{url}", question.encode(), headers or {})
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(response.read().decode().strip())


def counts(server: AllInOne) -> tuple[int, int, int]:
    """Rows, different spans, and rows of the stock table."""
    ((rows, spans, stock),) = (
        ClickHouseDatabase(server.clickhouse)
        .query("SELECT count(), uniqExact(span_id), (SELECT count() FROM otel_traces) FROM unified_logs")
        .rows
    )
    return int(str(rows)), int(str(spans)), int(str(stock))


def test_whoever_has_an_answer_and_asks_sees_it_while_others_send(tmp_path: Path) -> None:
    def rounds(server: AllInOne, sender: int) -> list[int]:
        database = ClickHouseDatabase(server.clickhouse)
        seen = []
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            for number in range(10):
                first = (sender * 10 + number) * 3
                channel.unary_unary(TRACES)(traces(*(row(first + each, f"s{sender}") for each in range(3))), timeout=60)
                question = f"SELECT count() FROM unified_logs WHERE session_id = 's{sender}'"
                seen.append(int(str(database.query(question).rows[0][0])))
        return seen

    with running_all_in_one(tmp_path / "data") as server, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda sender: rounds(server, sender), range(6))) == [list(range(3, 31, 3))] * 6
        assert counts(server) == (180, 180, 180)


def test_a_question_may_ask_for_what_there_is_now_by_setting_text_or_header(tmp_path: Path) -> None:
    made, question = Bodies(SPANS), "SELECT count() FROM unified_logs"
    with running_all_in_one(tmp_path / "data") as server:
        export(server, [made(number) for number in range(MANY)])
        now = [
            int(ask(server, question, url="?select_sequential_consistency=0")),
            int(ask(server, f"{question} SETTINGS select_sequential_consistency = 0")),
            int(ask(server, question, {"X-Rvbbit-Otel-Wait": "0"})),
        ]
        whole = int(ask(server, question))
        assert whole == MANY * SPANS
        assert now == sorted(now) and now[-1] < whole


def test_what_was_answered_is_there_once_after_a_kill_and_is_asked_for_while_it_is_stored(tmp_path: Path) -> None:
    made = Bodies(SPANS)
    with running_all_in_one(tmp_path / "data") as server:
        export(server, [made(number) for number in range(MANY)])
        export(server, [LINES], LOGS)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait(30)
    with running_all_in_one(tmp_path / "data") as server:
        assert counts(server) == (MANY * SPANS, MANY * SPANS, MANY * SPANS)
        assert ask(server, "SELECT count() FROM otel_logs") == "50"
        assert "requests that an earlier process acknowledged are stored now" in server.log()
        # Sent again, as by a sender that was cut off before it had its answer.
        export(server, [made(number) for number in range(0, MANY, 7)])
        export(server, [LINES], LOGS)
        assert counts(server) == (MANY * SPANS, MANY * SPANS, MANY * SPANS)
        assert ask(server, "SELECT count() FROM otel_logs") == "50"


def test_an_end_by_sigterm_does_not_wait_for_what_takes_long_and_the_next_start_stores_it(tmp_path: Path) -> None:
    made = Bodies(SPANS)
    with running_all_in_one(tmp_path / "data", limits={"drain_seconds": 0}) as server:
        export(server, [made(number) for number in range(MANY)])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        assert "closed" in server.log()
    assert list((tmp_path / "data" / "journal").glob("*.journal"))
    with running_all_in_one(tmp_path / "data") as server:
        assert counts(server) == (MANY * SPANS, MANY * SPANS, MANY * SPANS)
    # An end with nothing left to do leaves nothing of anybody's text outside the tables.
    assert list((tmp_path / "data" / "journal").iterdir()) == []


def test_a_journal_that_was_cut_off_anywhere_gives_all_that_is_whole_and_the_rest_can_come_again(
    tmp_path: Path,
) -> None:
    """A loss of power: what was not on the disk is not in the file. With a sync before each answer none of it was answered."""
    made, chance = Bodies(200), random.Random(seed := random.SystemRandom().randrange(10**6))
    print(f"seed {seed}")
    for number in range(3):
        data = tmp_path / f"data{number}"
        with running_all_in_one(data) as server:
            export(server, [made(each) for each in range(60)])
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait(30)
        (path,) = (data / "journal").glob("*.journal")
        content = path.read_bytes()
        path.write_bytes(content[: chance.randrange(len(content))])
        with running_all_in_one(data) as server:
            rows, spans, stock = counts(server)
            assert (rows, rows, rows % 200) == (spans, stock, 0)
            export(server, [made(each) for each in range(60)])
            assert counts(server) == (12_000, 12_000, 12_000)


@pytest.mark.parametrize("sync", ["each", "group", "none"])
def test_many_senders_are_answered_and_stored_once_by_each_policy(tmp_path: Path, sync: str) -> None:
    with running_all_in_one(tmp_path / "data", "--journal-sync", sync) as server, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: export(server, [traces(row(n * 10 + each)) for each in range(10)]), range(16)))
        assert counts(server) == (160, 160, 160)


def test_a_journal_size_that_holds_no_two_bodies_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="--journal-size is 10 MiB; it is 40 MiB at the least"),
        running_all_in_one(tmp_path / "data", "--journal-size", "10"),
    ):
        pass


def test_questions_do_not_wait_for_ever_and_say_how_to_ask_for_what_there_is(tmp_path: Path) -> None:
    made = Bodies(SPANS)
    with running_all_in_one(tmp_path / "data", limits={"query_seconds": 1}) as server:
        export(server, [made(number) for number in range(2 * MANY)])
        with pytest.raises(urllib.error.HTTPError) as raised:
            ask(server, "SELECT count() FROM unified_logs")
        text = raised.value.read().decode()
        assert ("TIMEOUT_EXCEEDED" in text, "select_sequential_consistency = 0" in text) == (True, True)
