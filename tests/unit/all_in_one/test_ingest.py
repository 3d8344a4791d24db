"""The queue in front of the engine, with an engine that does as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one import ingest as module
from rvbbit_otel.all_in_one.engine_error import EngineError
from rvbbit_otel.all_in_one.ingest import Ingest
from rvbbit_otel.all_in_one.otlp_requests import Request, UnreadableBodyError
from rvbbit_otel.all_in_one.trial import Fault
from rvbbit_otel.errors import StoreUnavailableError
from rvbbit_otel.storage.database import Result
from rvbbit_otel.telemetry import Counters

BODIES = [traces(row(number)) for number in range(5)]
# One number for both: a part that is damaged on the disk, and a body that is no protobuf.
BROKEN = EngineError("Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA)")


class FakeEngine:
    """Keeps what is inserted; `behave` may raise or wait first."""

    def __init__(self, behave: Callable[[bytes], None] = lambda body: None) -> None:
        self.inserted: list[bytes] = []
        self.behave = behave
        self.rejections: list[int | Exception] = [0]

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        self.behave(body)
        self.inserted.append(body)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        seen = self.rejections.pop(0) if len(self.rejections) > 1 else self.rejections[0]
        if isinstance(seen, Exception):
            raise seen
        return Result(("count()",), [(seen,)])


class Trials:
    """Says of each request what it was told to, and keeps what it was asked."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.asked: list[bytes] = []

    def __call__(self, statement: str, request: Request) -> Fault:
        self.asked.append(request.body)
        return self.faults.pop(0)


def ingest(engine: FakeEngine, max_queued: int = 10_000, trials: Trials | None = None) -> Ingest:
    return Ingest(engine, max_queued, Counters(), trials or Trials())  # type: ignore[arg-type]


def request(body: bytes, cost: int = 1) -> Request:
    return Request("traces", body, cost)


class Held:
    """An engine's behaviour: the first insert waits until `go`, and from then on `then` says what happens."""

    def __init__(self, then: Callable[[bytes], None] = lambda body: None) -> None:
        self.go, self.started, self.then = threading.Event(), threading.Event(), then

    def __call__(self, body: bytes) -> None:
        if not self.started.is_set():
            self.started.set()
            assert self.go.wait(10)
            return
        self.then(body)


def outcomes(door: Ingest, held: Held, bodies: list[bytes]) -> list[type]:
    """Send one body that holds the engine, then these together; what each of them came to."""
    first = door.submit(request(traces(row(99))))
    assert held.started.wait(10)
    others = [door.submit(request(body)) for body in bodies]
    held.go.set()
    assert first.result(10) is False
    return [type(future.exception(10)) for future in others]


OK = type(None)


def test_what_waits_while_the_engine_works_goes_in_by_one_insert() -> None:
    engine = FakeEngine(held := Held())
    door = ingest(engine)
    assert outcomes(door, held, BODIES) == [OK] * 5
    assert engine.inserted == [traces(row(99)), b"".join(BODIES)]
    door.close()


def test_what_costs_much_does_not_go_in_with_others() -> None:
    engine = FakeEngine(held := Held())
    door = ingest(engine)
    door.submit(request(BODIES[0]))
    assert held.started.wait(10)
    costs = [module.MAX_COST // 2, module.MAX_COST // 2, 1, module.MAX_COST]
    futures = [door.submit(request(body, cost)) for body, cost in zip(BODIES[1:], costs, strict=True)]
    held.go.set()
    assert [future.result(10) for future in futures] == [False] * 4
    assert engine.inserted == [BODIES[0], BODIES[1] + BODIES[2], BODIES[3], BODIES[4]]
    door.close()


def test_one_request_that_no_store_can_take_does_not_refuse_its_neighbours() -> None:
    def refuse_third(body: bytes) -> None:
        if BODIES[2] in body:
            raise BROKEN

    engine = FakeEngine(held := Held(refuse_third))
    door = ingest(engine, trials=(trials := Trials(Fault.REQUEST)))
    assert outcomes(door, held, BODIES) == [OK, OK, UnreadableBodyError, OK, OK]
    assert engine.inserted[1:] == [BODIES[0], BODIES[1], BODIES[3], BODIES[4]]
    assert trials.asked == [BODIES[2]]
    trials.faults.append(Fault.REQUEST)
    refused = door.submit(request(BODIES[2]))
    assert str(refused.exception(10)) == "no store can take this body (engine code 33): don't send it again"
    assert door._counters.snapshot() == {
        "stored.traces": 5,
        "split.insert_failed": 1,
        "errors.ingest": 2,
        "refused.for_good": 2,
    }
    door.close()


def test_a_damaged_part_that_one_request_meets_asks_its_sender_to_come_again_and_stores_the_others() -> None:
    def damaged(body: bytes) -> None:
        if BODIES[1] in body or BODIES[3] in body:
            raise BROKEN

    engine = FakeEngine(held := Held(damaged))
    # Asked once: the next of the same number, a moment later, is taken for the same.
    door = ingest(engine, trials=(trials := Trials(Fault.STORE)))
    assert outcomes(door, held, BODIES) == [OK, StoreUnavailableError, OK, StoreUnavailableError, OK]
    assert trials.asked == [BODIES[1]]
    door.close()


def test_another_error_or_a_later_one_is_looked_into_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [BROKEN, BROKEN, EngineError("Code: 6. DB::Exception: no. (CANNOT_PARSE_TEXT)"), BROKEN]

    def fail(body: bytes) -> None:
        raise errors.pop(0)

    trials = Trials(Fault.STORE, Fault.REQUEST, Fault.REQUEST)
    door = ingest(FakeEngine(fail), trials=trials)
    said = [type(door.submit(request(body)).exception(10)) for body in BODIES[:3]]
    monkeypatch.setattr(module, "_FAULT_SECONDS", -1.0)
    door._known = (0, Fault.STORE, 0.0)
    said.append(type(door.submit(request(BODIES[3])).exception(10)))
    assert said == [StoreUnavailableError, StoreUnavailableError, UnreadableBodyError, UnreadableBodyError]
    assert trials.asked == [BODIES[0], BODIES[2], BODIES[3]]
    door.close()


@pytest.mark.parametrize("code", [252, 243, 241], ids=["too many parts", "no disk space", "no memory"])
def test_where_nothing_can_be_stored_every_sender_is_asked_to_come_again_without_a_try_of_each(code: int) -> None:
    tried: list[bytes] = []

    def fail(body: bytes) -> None:
        tried.append(body)
        raise EngineError(f"Code: {code}. DB::Exception: not now. (WHATEVER)")

    engine = FakeEngine(held := Held(fail))
    door = ingest(engine, trials=Trials(Fault.MACHINE))
    assert outcomes(door, held, BODIES) == [StoreUnavailableError] * 5
    assert tried == [b"".join(BODIES), BODIES[0]]
    door.close()


def test_a_full_queue_refuses_with_an_error_that_is_worth_a_retry_and_takes_more_once_it_is_empty() -> None:
    door = ingest(FakeEngine(held := Held()), max_queued=len(BODIES[0]) * 2)
    first = door.submit(request(BODIES[0]))
    assert held.started.wait(10)
    second = door.submit(request(BODIES[1]))
    with pytest.raises(StoreUnavailableError, match="send it again later"):
        door.submit(request(BODIES[2]))
    held.go.set()
    assert (first.result(10), second.result(10)) == (False, False)
    door.close()
    with pytest.raises(StoreUnavailableError, match="closing"):
        door.submit(request(BODIES[3]))


def test_closing_waits_until_all_that_was_taken_is_stored() -> None:
    engine = FakeEngine()
    door = ingest(engine)
    futures = [door.submit(request(body)) for body in BODIES]
    door.close()
    assert all(future.done() for future in futures)
    assert b"".join(engine.inserted) == b"".join(BODIES)


def test_an_unexpected_error_of_the_engine_reaches_the_sender_and_the_next_body_is_stored() -> None:
    def fail_once(body: bytes) -> None:
        engine.behave = lambda body: None
        raise OSError("what is this")

    engine = FakeEngine(fail_once)
    door = ingest(engine)
    assert isinstance(door.submit(request(BODIES[0])).exception(10), StoreUnavailableError)
    assert door.submit(request(BODIES[1])).result(10) is False
    door.close()


def test_a_trial_that_fails_itself_reaches_the_sender_and_the_next_body_is_stored() -> None:
    def fail_once(body: bytes) -> None:
        engine.behave = lambda body: None
        raise BROKEN

    engine = FakeEngine(fail_once)
    door = ingest(engine)  # Its trials have no answer, and raise.
    assert isinstance(door.submit(request(BODIES[0])).exception(10), StoreUnavailableError)
    assert door.submit(request(BODIES[1])).result(10) is False
    door.close()


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_that_was_cancelled_never_ends_the_thread_that_stores(fails: bool) -> None:
    last = traces(row(7))

    def then(body: bytes) -> None:
        if fails and body != last:
            raise BROKEN

    door = ingest(FakeEngine(held := Held(then)), trials=Trials(Fault.STORE))
    futures = [door.submit(request(BODIES[0]))]
    assert held.started.wait(10)
    futures += [door.submit(request(body)) for body in BODIES[1:]]
    assert [future.cancel() for future in futures] == [True] * 5
    stored = door.submit(request(last))
    held.go.set()
    assert stored.result(10) is False
    door.close()


def test_an_empty_request_is_answered_without_an_insert() -> None:
    engine = FakeEngine()
    door = ingest(engine)
    assert door.submit(request(b"")).result(0) is False
    assert engine.inserted == []
    door.close()


def test_senders_are_told_to_look_only_where_something_was_left_out_or_nobody_knows() -> None:
    engine = FakeEngine()
    engine.rejections = [0, 2, 2, OSError("gone"), 2]
    door = ingest(engine)
    assert [door.submit(request(body)).result(10) for body in BODIES] == [False, True, False, True, False]
    door.close()
