"""Requests into an engine that does as it is told: what goes together, what goes alone, and whose fault it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.ingest import FakeEngine, Trials, request
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.ingest import storing as module
from rvbbit_otel.all_in_one.ingest.storing import Failure, Storing
from rvbbit_otel.all_in_one.ingest.trial import Fault
from rvbbit_otel.counters import Counters

BODIES = [traces(row(number)) for number in range(5)]
# One number for both: a part that is damaged on the disk, and a body that is no protobuf.
BROKEN = EngineError("Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA)")


def storing(engine: FakeEngine, *faults: Fault, counters: Counters | None = None) -> tuple[Storing, Trials]:
    trials = Trials(*faults)
    return Storing(engine, counters or Counters(), trials), trials  # type: ignore[arg-type]


def faults(store: Storing, bodies: list[bytes]) -> list[Fault | None]:
    return [failure and failure.fault for failure in store.store([request(body) for body in bodies])]


def refusing(*refused: bytes) -> Callable[[bytes], None]:
    def behave(body: bytes) -> None:
        if any(each in body for each in refused):
            raise BROKEN

    return behave


def test_what_goes_together_goes_by_one_insert_and_then_somebody_is_told() -> None:
    engine, told = FakeEngine(), []
    store = Storing(engine, Counters(), after=lambda: told.append(len(engine.inserted)))  # type: ignore[arg-type]
    assert faults(store, BODIES) == [None] * 5
    assert (engine.inserted, told) == ([b"".join(BODIES)], [1])


def test_one_request_that_no_store_can_take_does_not_refuse_its_neighbours() -> None:
    engine, counters = FakeEngine(refusing(BODIES[2])), Counters()
    store, trials = storing(engine, Fault.REQUEST, Fault.REQUEST, counters=counters)
    assert faults(store, BODIES) == [None, None, Fault.REQUEST, None, None]
    assert engine.inserted == [BODIES[0], BODIES[1], BODIES[3], BODIES[4]]
    assert trials.asked == [BODIES[2]]
    assert faults(store, [BODIES[2]]) == [Fault.REQUEST]
    assert counters.snapshot() == {"stored.traces": 4, "split.insert_failed": 1, "errors.ingest": 2}


def test_a_damaged_part_is_asked_about_once_for_all_that_meet_it() -> None:
    store, trials = storing(FakeEngine(refusing(BODIES[1], BODIES[3])), Fault.STORE)
    assert faults(store, BODIES) == [None, Fault.STORE, None, Fault.STORE, None]
    assert trials.asked == [BODIES[1]]


def test_another_error_or_a_later_one_is_looked_into_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [BROKEN, BROKEN, EngineError("Code: 6. DB::Exception: no. (CANNOT_PARSE_TEXT)"), BROKEN]

    def fail(body: bytes) -> None:
        raise errors.pop(0)

    store, trials = storing(FakeEngine(fail), Fault.STORE, Fault.REQUEST, Fault.REQUEST)
    said = [*faults(store, [BODIES[0]]), *faults(store, [BODIES[1]]), *faults(store, [BODIES[2]])]
    monkeypatch.setattr(module, "_FAULT_SECONDS", -1.0)
    store._known = (0, Fault.STORE, 0.0)
    said += faults(store, [BODIES[3]])
    assert said == [Fault.STORE, Fault.STORE, Fault.REQUEST, Fault.REQUEST]
    assert trials.asked == [BODIES[0], BODIES[2], BODIES[3]]


@pytest.mark.parametrize("code", [252, 243, 241], ids=["too many parts", "no disk space", "no memory"])
def test_where_nothing_can_be_stored_the_rest_is_not_tried(code: int) -> None:
    tried: list[bytes] = []

    def fail(body: bytes) -> None:
        tried.append(body)
        raise EngineError(f"Code: {code}. DB::Exception: not now. (WHATEVER)")

    store, _ = storing(FakeEngine(fail), Fault.MACHINE)
    assert faults(store, BODIES) == [Fault.MACHINE]
    assert tried == [b"".join(BODIES), BODIES[0]]


def test_an_error_that_is_none_of_the_engines_is_no_fault_of_the_request() -> None:
    def fail(body: bytes) -> None:
        raise OSError("what is this")

    store, trials = storing(FakeEngine(fail))
    assert (faults(store, [BODIES[0]]), trials.asked) == ([Fault.STORE], [])


def test_a_failure_says_no_word_of_the_engines() -> None:
    assert Failure(Fault.STORE, BROKEN).in_words() == "engine code 33"
    assert Failure(Fault.STORE, OSError("/a/secret/file")).in_words() == "OSError"
