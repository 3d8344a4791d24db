"""Figure 11: whatever comes to the OTLP doors is taken or refused with a reason, and a good sender beside it loses nothing."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from benchmarks.load import resident_mib
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.otlp_mutation import Corpus, Mutations
from tests.support.sizes import SEED, sized

from rvbbit_otel.storage.client import ClickHouseDatabase

pytestmark = pytest.mark.figure(11)

CORPUS = Corpus(Path(__file__).parent / "corpus" / "otlp")
# Of each kind, mutated and random, by each of three ways: 20,000 together. After each round a good batch is sent.
COUNT, ROUND = sized(400, full=7000), sized(200, full=1000)
SENDERS = 16
TYPES = {".pb": "application/x-protobuf", ".json": "application/json"}
SERVICES = {"traces": "trace.v1.TraceService", "logs": "logs.v1.LogsService"}


@dataclass(frozen=True)
class Body:
    """What is sent by HTTP or gRPC."""

    signal: str
    kind: str
    data: bytes
    encoding: str = ""


@dataclass
class Sender:
    """One connection to each door, for one thread at a time."""

    server: AllInOne
    channel: grpc.Channel
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.server.otlp_http.removeprefix("http://"), timeout=60)

    def by_http(self, body: Body) -> str:
        headers = {"Content-Type": TYPES[body.kind], **({"Content-Encoding": body.encoding} if body.encoding else {})}
        try:
            self.connection.request("POST", f"/v1/{body.signal}", body.data, headers)
            answer = self.connection.getresponse()
            answer.read()
        except http.client.HTTPException:
            self.connection.close()
            raise
        return str(answer.status)

    def by_grpc(self, body: Body) -> str:
        export = self.channel.unary_unary(f"/opentelemetry.proto.collector.{SERVICES[body.signal]}/Export")
        try:
            export(body.data, timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)  # type: ignore[attr-defined]
        return "OK"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("bodies") / "data") as running:
        yield running


# What a door may answer to whatever it is sent: it is stored, or can never be. 503 and UNAVAILABLE, which ask to come again, are for a full queue.
ANSWERS = {"http": {"200", "400", "413", "415"}, "grpc": {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}}
_good: Counter[int] = Counter()


@pytest.mark.parametrize("way", ["mutated", "random"])
@pytest.mark.parametrize(("door", "kind"), [("http", ".pb"), ("http", ".json"), ("grpc", ".pb")])
def test_bodies_that_nobody_wrote(
    server: AllInOne, door: str, kind: str, way: str, record_property: Callable[[str, object], None]
) -> None:
    mutations = Mutations(CORPUS, SEED)
    answers: Counter[str] = Counter()
    resident: list[float] = []

    def made(number: int) -> Body:
        signal = ("traces", "logs")[number % 2]
        body = mutations.mutated(signal, kind) if way == "mutated" else mutations.random(signal, kind)
        return Body(signal, kind, *(mutations.packed(body) if door == "http" else (body, "")))

    with grpc.insecure_channel(server.otlp_grpc) as channel, ThreadPoolExecutor(SENDERS) as pool:
        senders = [Sender(server, channel) for _ in range(SENDERS)]

        def send(place: int, bodies: list[Body]) -> list[tuple[str, Body]]:
            ask = getattr(senders[place], f"by_{door}")
            return [(ask(body), body) for body in bodies]

        for _ in range(COUNT // ROUND):
            bodies = [made(number) for number in range(ROUND)]
            for said in pool.map(send, range(SENDERS), [bodies[place::SENDERS] for place in range(SENDERS)]):
                wrong = [(answer, body) for answer, body in said if answer not in ANSWERS[door]]
                assert wrong == []
                answers.update(answer for answer, _ in said)
            _good[server.pid] += 1
            good = Body("traces", ".pb", traces(row(10**9 + _good[server.pid], "good", "sql-good")))
            assert (senders[0].by_grpc(good) if door == "grpc" else senders[0].by_http(good)) in ("OK", "200")
            resident.append(resident_mib(server.pid))
    record_property("answers", dict(answers))
    record_property("RSS", f"{resident[0]:.0f} to {max(resident):.0f} MiB")
    assert server.process.poll() is None
    assert "Traceback" not in server.log()
    assert max(resident) - resident[0] <= 100
    database = ClickHouseDatabase(server.clickhouse)
    counted = (
        "SELECT count(), uniqExact(span_id) FROM unified_logs WHERE session_id = 'good' AND caller_id = 'sql-good'"
    )
    assert database.query(counted).rows == [(_good[server.pid], _good[server.pid])]
    with urllib.request.urlopen(server.otlp_http + "/healthz", timeout=30) as response:
        told = json.loads(response.read())
    # Nothing was met that was not foreseen, and nothing was passed on that the engine does not read.
    assert {name: count for name, count in told["counters"].items() if name.startswith(("error", "split"))} == {}
    assert told["queued_bytes"] == 0
