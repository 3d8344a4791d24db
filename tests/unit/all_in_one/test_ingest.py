"""The queue in front of the engine, with an engine that does as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one.engine import EngineError
from rvbbit_otel.all_in_one.ingest import Ingest, UnreadableBodyError
from rvbbit_otel.errors import StoreUnavailableError
from rvbbit_otel.storage.database import Result
from rvbbit_otel.telemetry import Counters

BODIES = [traces(row(number)) for number in range(5)]


class FakeEngine:
    """Keeps what is inserted; `behave` may raise or wait first."""

    def __init__(self, behave: Callable[[bytes], None] = lambda body: None) -> None:
        self.inserted: list[bytes] = []
        self.behave = behave
        self.rejections = 0

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        self.behave(body)
        self.inserted.append(body)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        return Result(("count()",), [(self.rejections,)])


def ingest(engine: FakeEngine, max_queued: int = 10_000) -> Ingest:
    return Ingest(engine, max_queued, Counters())  # type: ignore[arg-type]


def test_what_waits_while_the_engine_works_goes_in_by_one_insert() -> None:
    go, started = threading.Event(), threading.Event()

    def wait(body: bytes) -> None:
        started.set()
        assert go.wait(10)

    engine = FakeEngine(wait)
    door = ingest(engine)
    first = door.submit("traces", BODIES[0])
    assert started.wait(10)
    others = [door.submit("traces", body) for body in BODIES[1:]]
    assert not any(future.done() for future in (first, *others))
    go.set()
    assert [future.result(10) for future in (first, *others)] == [0] * 5
    assert engine.inserted == [BODIES[0], b"".join(BODIES[1:])]
    door.close()


def test_one_body_that_is_bad_for_good_does_not_refuse_its_neighbours() -> None:
    go, started = threading.Event(), threading.Event()

    def refuse_third(body: bytes) -> None:
        started.set()
        assert go.wait(10)
        if BODIES[2] in body:
            raise EngineError("Code: 27. DB::Exception: Cannot parse input. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)")

    engine = FakeEngine(refuse_third)
    door = ingest(engine)
    first = door.submit("traces", BODIES[0])
    assert started.wait(10)
    others = [door.submit("traces", body) for body in BODIES[1:]]
    go.set()
    first.result(10)
    results = [future.exception(10) for future in others]
    assert [type(result) for result in results] == [type(None), UnreadableBodyError, type(None), type(None)]
    assert engine.inserted == [BODIES[0], BODIES[1], BODIES[3], BODIES[4]]
    door.close()


@pytest.mark.parametrize("code", [252, 243, 241], ids=["too many parts", "no disk space", "no memory"])
def test_an_engine_that_is_busy_or_full_asks_every_sender_to_come_again(code: int) -> None:
    def fail(body: bytes) -> None:
        raise EngineError(f"Code: {code}. DB::Exception: not now. (WHATEVER)")

    door = ingest(FakeEngine(fail))
    assert isinstance(door.submit("traces", BODIES[0]).exception(10), StoreUnavailableError)
    door.close()


def test_a_full_queue_refuses_with_an_error_that_is_worth_a_retry_and_takes_more_once_it_is_empty() -> None:
    go, started = threading.Event(), threading.Event()

    def wait(body: bytes) -> None:
        started.set()
        assert go.wait(10)

    door = ingest(FakeEngine(wait), max_queued=len(BODIES[0]) * 2)
    first = door.submit("traces", BODIES[0])
    assert started.wait(10)
    second = door.submit("traces", BODIES[1])
    with pytest.raises(StoreUnavailableError, match="send it again later"):
        door.submit("traces", BODIES[2])
    go.set()
    assert (first.result(10), second.result(10)) == (0, 0)
    door.close()
    with pytest.raises(StoreUnavailableError, match="closing"):
        door.submit("traces", BODIES[3])


def test_closing_waits_until_all_that_was_taken_is_stored() -> None:
    engine = FakeEngine()
    door = ingest(engine)
    futures = [door.submit("traces", body) for body in BODIES]
    door.close()
    assert all(future.done() for future in futures)
    assert b"".join(engine.inserted) == b"".join(BODIES)


def test_an_unexpected_error_of_the_engine_reaches_the_sender_and_the_next_body_is_stored() -> None:
    def fail_once(body: bytes) -> None:
        engine.behave = lambda body: None
        raise OSError("what is this")

    engine = FakeEngine(fail_once)
    door = ingest(engine)
    assert isinstance(door.submit("traces", BODIES[0]).exception(10), StoreUnavailableError)
    assert door.submit("traces", BODIES[1]).result(10) == 0
    door.close()


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_a_body_that_is_no_request_is_refused_before_it_is_queued(signal: str) -> None:
    door = ingest(FakeEngine())
    with pytest.raises(UnreadableBodyError, match="the body is no Export"):
        door.submit(signal, b"\xff\xff\xff")
    assert door.queued_bytes == 0
    door.close()
