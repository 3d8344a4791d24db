"""Figure 15: nothing that is sent to the SQL door reads or writes a file, reaches anybody or changes a row, with any one of four layers off."""

from __future__ import annotations

import http.client
import socket
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import LAYERS, AllInOne, running_all_in_one
from tests.support.canary import SECRET, Canaries, canaries
from tests.support.hostile_sql import STATEMENTS
from tests.support.otlp import row, traces
from tests.support.sizes import SEED, sized
from tests.support.sql_fuzz import Names, Request, SqlFuzz

from rvbbit_otel.storage.client import ClickHouseDatabase

pytestmark = pytest.mark.figure(15)

# With all layers on, and with each of the four off.
COUNT, COUNT_WITHOUT = sized(400, bounded=3000, full=20_000), sized(200, bounded=800, full=5000)
ROUND, SENDERS = 200, 4
STATE = (
    "SELECT name, engine, total_rows, create_table_query FROM system.tables WHERE database = 'default' ORDER BY name",
    "SELECT count(), groupBitXor(cityHash64(toString(tuple(*)))) FROM unified_logs",
    "SELECT name FROM system.databases ORDER BY name",
    "SELECT name FROM system.functions WHERE origin != 'System'",
)


@dataclass(frozen=True)
class Target:
    """A server with rows in it, and what must not be touched."""

    server: AllInOne
    canaries: Canaries
    database: ClickHouseDatabase

    def state(self) -> list[object]:
        return [self.database.query(sql).rows for sql in STATE]

    def names(self) -> Names:
        def listed(sql: str) -> list[str]:
            return [str(name) for (name,) in self.database.query(sql).rows]

        return Names(
            listed("SELECT name FROM system.functions ORDER BY name"),
            listed("SELECT name FROM system.table_functions ORDER BY name"),
            listed("SELECT name FROM system.formats ORDER BY name"),
            listed("SELECT name FROM system.tables WHERE database = 'system' ORDER BY name"),
            listed("SELECT name FROM system.settings ORDER BY name"),
            listed("SELECT name FROM system.table_engines ORDER BY name"),
        )


@pytest.fixture(scope="module", params=[None, *LAYERS], ids=["all layers", *(f"without {layer}" for layer in LAYERS)])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("sql")
    with (
        canaries(folder / "canaries") as planted,
        running_all_in_one(folder / "data", without=request.param) as server,
        grpc.insecure_channel(server.otlp_grpc) as channel,
    ):
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        export(traces(*(row(number) for number in range(50))))
        database = ClickHouseDatabase(server.clickhouse)
        yield Target(server, planted, database)
        database.close()


@dataclass
class Answer:
    """What came back: a status, the engine's code, the text."""

    status: int
    code: str
    text: bytes


class Client:
    """One connection, for one thread at a time."""

    def __init__(self, server: AllInOne) -> None:
        self._connection = http.client.HTTPConnection(server.clickhouse.removeprefix("http://"), timeout=60)

    def send(self, request: Request) -> Answer:
        path = f"/?{urllib.parse.urlencode(request.parameters)}"
        try:
            self._connection.request(
                "GET" if request.data is None else "POST", path, request.data, dict(request.headers)
            )
            answer = self._connection.getresponse()
            try:
                text = answer.read()
            except http.client.IncompleteRead as cut:  # An error behind what was sent already.
                text = cut.partial
                self._connection.close()
            return Answer(answer.status, answer.headers["X-ClickHouse-Exception-Code"] or "", text)
        except http.client.HTTPException:
            self._connection.close()
            raise


def is_foreseen(answer: Answer) -> bool:
    """An answer, or a refusal with the engine's code; an error of ours has none. What is too long or too slow for HTTP itself has 4xx."""
    return answer.status < 500 or (answer.code.isdigit() and answer.text.startswith(b"Code: "))


def held(target: Target, before: list[object], sent: list[tuple[Request, Answer]]) -> None:
    """Nothing was touched by what was sent; if something was, this says by which requests it may have been."""
    assert [(request, answer) for request, answer in sent if not is_foreseen(answer)] == []
    shown = [(request, answer) for request, answer in sent if SECRET.encode() in answer.text]
    assert shown == []
    disturbed = target.canaries.disturbed()
    assert disturbed == [], [request for request, _ in sent]
    assert target.state() == before, [request for request, _ in sent]
    assert target.server.process.poll() is None


def test_statements_that_people_have_tried(target: Target) -> None:
    given = {"secret": target.canaries.secret, "planted": target.canaries.planted, "port": target.canaries.port}
    before, client = target.state(), Client(target.server)
    requests = [Request({"max_execution_time": "2"}, statement.format(**given).encode()) for statement in STATEMENTS]
    for at in range(0, len(requests), 20):
        held(target, before, [(request, client.send(request)) for request in requests[at : at + 20]])


def test_requests_made_of_the_engine_s_own_lists(
    target: Target, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    fuzz, before = SqlFuzz(target.names(), target.canaries, SEED), target.state()
    answers: Counter[str] = Counter()
    count = COUNT if "all layers" in request.node.name else COUNT_WITHOUT
    with ThreadPoolExecutor(SENDERS) as pool:
        clients = [Client(target.server) for _ in range(SENDERS)]
        for _ in range(count // ROUND):
            requests = [fuzz.request() for _ in range(ROUND)]
            parts = [requests[place::SENDERS] for place in range(SENDERS)]
            sent = pool.map(lambda client, part: [(each, client.send(each)) for each in part], clients, parts)
            pairs = [pair for part in sent for pair in part]
            held(target, before, pairs)
            answers.update("answered" if answer.status == 200 else f"code {answer.code}" for _, answer in pairs)
    record_property("answers", dict(answers.most_common(6)))
    assert answers["answered"] > 0
    assert "Traceback" not in target.server.log()


def test_the_canaries_see_what_they_are_for(tmp_path: Path) -> None:
    with canaries(tmp_path / "canaries") as planted:
        assert planted.disturbed() == []
        planted.planted.write_text("x")
        assert "planted.csv was touched" in planted.disturbed()
        assert list(planted.folder.glob("*.parquet")) == []
        assert set(planted.disturbed()) == {"the folder was touched"}
        socket.create_connection(("127.0.0.1", planted.port)).close()
        assert planted.disturbed() == ["somebody connected"]
