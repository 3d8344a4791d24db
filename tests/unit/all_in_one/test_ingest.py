"""The journal in front of an engine that does as it is told: what is answered is stored, or waits, or is set aside."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.support.ingest import MIB, Door, FakeEngine, Held, Trials, door, request
from tests.support.otlp import row, traces
from tests.support.programs import until

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.ingest import ingest as module
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.ingest.quarantine import Quarantine
from rvbbit_otel.all_in_one.ingest.storing import Storing
from rvbbit_otel.all_in_one.ingest.trial import Fault
from rvbbit_otel.all_in_one.journal import Journal, Sync
from rvbbit_otel.all_in_one.journal import writer as writer_module
from rvbbit_otel.all_in_one.otlp.costs import MAX_COST
from rvbbit_otel.all_in_one.otlp.requests import Request, prepare
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import StoreUnavailableError

BODIES = [traces(row(number)) for number in range(5)]
BROKEN = EngineError("Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA)")
FULL = EngineError("Code: 243. DB::Exception: no space. (NOT_ENOUGH_SPACE)")


OK = type(None)


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "journal").iterdir())


def test_an_answer_does_not_wait_for_the_engine_and_a_question_does(tmp_path: Path) -> None:
    with door(tmp_path, held := Held()) as opened:
        assert opened.answered(BODIES[0]) == [OK]
        assert held.started.wait(10)
        assert opened.answered(*BODIES[1:]) == [OK] * 4
        asked = opened.ingest.all_so_far()
        assert (asked.done(), opened.engine.inserted) == (False, [])
        held.go.set()
        assert asked.result(10) is None
        # What waited went in by one insert.
        assert opened.engine.inserted == [BODIES[0], b"".join(BODIES[1:])]
        assert opened.ingest.all_so_far().done()
    assert left(tmp_path) == []


def test_a_question_does_not_wait_for_what_comes_after_it(tmp_path: Path) -> None:
    second = Held()
    with door(tmp_path, held := Held(second)) as opened:
        opened.answered(BODIES[0])
        assert held.started.wait(10)
        asked = opened.ingest.all_so_far()
        opened.answered(BODIES[1])
        held.go.set()
        assert second.started.wait(10)
        assert asked.result(10) is None
        assert not opened.ingest.all_so_far().done()
        second.go.set()


def test_traces_and_logs_go_in_groups_of_their_own_though_they_come_by_turns(tmp_path: Path) -> None:
    with door(tmp_path, held := Held()) as opened:
        opened.answered(BODIES[0])
        assert held.started.wait(10)
        futures = [opened.ingest.submit(request(f"{n}".encode(), 1, ("traces", "logs")[n % 2])) for n in range(6)]
        assert [future.result(10) for future in futures] == [None] * 6
        held.go.set()
        opened.stored()
        assert opened.engine.inserted == [BODIES[0], b"024", b"135"]


def test_what_costs_much_does_not_go_in_with_others(tmp_path: Path) -> None:
    with door(tmp_path, held := Held()) as opened:
        opened.answered(BODIES[0])
        assert held.started.wait(10)
        costs = [MAX_COST // 2, MAX_COST // 2, 1, MAX_COST]
        for body, cost in zip(BODIES[1:], costs, strict=True):
            opened.ingest.submit(request(body, cost)).result(10)
        held.go.set()
        opened.stored()
        assert opened.engine.inserted == [BODIES[0], BODIES[1] + BODIES[2], BODIES[3], BODIES[4]]


def test_what_a_process_left_is_stored_by_the_next_before_it_answers_a_question(tmp_path: Path) -> None:
    first = Door(tmp_path, FakeEngine(held := Held()), [], 10 * MIB, 100 * MIB)
    assert first.answered(*BODIES) == [OK] * 5
    assert held.started.wait(10)
    # It is killed here: nothing of it is closed.
    with door(tmp_path) as second:
        assert second.ingest.all_so_far().result(10) is None
        assert b"".join(second.engine.inserted) == b"".join(BODIES)
    assert left(tmp_path) == []
    held.go.set()
    first.close()


@pytest.mark.parametrize(("fault", "reason"), [(Fault.REQUEST, "request"), (Fault.STORE, "store")])
def test_what_the_tables_do_not_take_is_set_aside_told_and_holds_nobody_up(
    tmp_path: Path, fault: Fault, reason: str
) -> None:
    well = threading.Event()

    def behave(body: bytes) -> None:
        if BODIES[2] in body and not well.is_set():
            raise BROKEN

    with door(tmp_path, behave, (fault,) * 20) as opened:
        assert opened.answered(*BODIES) == [OK] * 5
        opened.stored()
        others = b"".join(BODIES[:2] + BODIES[3:])
        assert sorted(b"".join(opened.engine.inserted)) == sorted(others)
        (kept,) = opened.quarantine.all()
        assert (kept.signal, kept.size, kept.reason, kept.error) == ("traces", len(BODIES[2]), reason, "engine code 33")
        assert opened.quarantine.body(kept) == BODIES[2]
        assert opened.told == [[], [reason]]
        assert opened.counters.snapshot()[f"quarantined.{reason}"] == 1
        well.set()
        assert opened.ingest.retry([kept.name]) == 1
        until("it is stored", lambda: not opened.quarantine.all())
        assert opened.engine.inserted[-1] == BODIES[2]
        assert opened.told[-1] == []
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_what_the_store_is_at_fault_for_is_tried_again_at_the_next_start_and_what_no_store_takes_is_not(
    tmp_path: Path,
) -> None:
    def behave(body: bytes) -> None:
        raise BROKEN

    with door(tmp_path, behave, (Fault.STORE, Fault.REQUEST)) as opened:
        opened.answered(BODIES[0])
        opened.stored()
        opened.ingest._storing._known = (0, Fault.STORE, 0.0)
        opened.answered(BODIES[1])
        opened.stored()
        assert [each.reason for each in opened.quarantine.all()] == ["store", "request"]
    with door(tmp_path) as opened:
        until("one is stored", lambda: len(opened.quarantine.all()) == 1)
        assert opened.engine.inserted == [BODIES[0]]
        assert [each.reason for each in opened.quarantine.all()] == ["request"]
        assert opened.quarantine.remove([opened.quarantine.all()[0].name]) == 1
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_where_nothing_can_be_stored_all_waits_questions_are_told_and_it_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = threading.Event()

    def behave(body: bytes) -> None:
        if not well.is_set():
            raise FULL

    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    with door(tmp_path, behave, (Fault.MACHINE,) * 1000) as opened:
        assert opened.answered(*BODIES) == [OK] * 5
        until("it is stuck", lambda: opened.ingest.stuck)
        with pytest.raises(StoreUnavailableError, match="can't be stored now"):
            opened.stored()
        assert opened.quarantine.all() == []
        well.set()
        until("it is not stuck", lambda: not opened.ingest.stuck)
        opened.stored()
        assert sorted(b"".join(opened.engine.inserted)) == sorted(b"".join(BODIES))


def test_a_process_that_ends_while_nothing_can_be_stored_leaves_all_to_the_next(tmp_path: Path) -> None:
    def behave(body: bytes) -> None:
        raise FULL

    with door(tmp_path, behave, (Fault.MACHINE,) * 1000) as opened:
        assert opened.answered(*BODIES) == [OK] * 5
        until("it is stuck", lambda: opened.ingest.stuck)
    assert len(left(tmp_path)) == 1
    with door(tmp_path) as opened:
        opened.stored()
        assert b"".join(opened.engine.inserted) == b"".join(BODIES)


def test_a_full_journal_refuses_with_an_error_that_is_worth_a_retry_and_takes_more_once_it_is_stored(
    tmp_path: Path,
) -> None:
    with door(tmp_path, held := Held(), limit=2 * len(BODIES[0]) + 100) as opened:
        assert opened.answered(BODIES[0]) == [OK]
        assert held.started.wait(10)
        assert opened.answered(BODIES[1]) == [OK]
        assert opened.answered(BODIES[2]) == [StoreUnavailableError]
        held.go.set()
        opened.stored()
        opened.journal.checkpoint()
        assert opened.answered(BODIES[2]) == [OK]


def test_more_than_memory_is_meant_for_is_refused_before_the_disk_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = threading.Event(), threading.Event()
    with door(tmp_path, max_queued=2 * len(BODIES[0])) as opened:
        real = opened.journal.append

        def slow(requests: list[Request]) -> object:
            begun.set()
            assert go.wait(10)
            return real(requests)

        monkeypatch.setattr(opened.journal, "append", slow)
        first, second = (opened.ingest.submit(request(body)) for body in BODIES[:2])
        assert begun.wait(10)
        with pytest.raises(StoreUnavailableError, match="send it again later"):
            opened.ingest.submit(request(BODIES[2]))
        go.set()
        assert (first.result(10), second.result(10)) == (None, None)
        opened.stored()


def test_a_disk_that_refuses_is_no_answer_and_the_next_request_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with door(tmp_path) as opened:
        real = opened.journal.append

        def refuse(requests: list[Request]) -> object:
            raise OSError("a disk")

        monkeypatch.setattr(opened.journal, "append", refuse)
        refused = opened.ingest.submit(request(BODIES[0])).exception(10)
        assert str(refused) == "the request can't be written to the disk now: send it again later"
        monkeypatch.setattr(opened.journal, "append", real)
        assert opened.answered(BODIES[1]) == [OK]
        opened.stored()
        assert opened.engine.inserted == [BODIES[1]]
        assert opened.counters.snapshot()["refused.not_written"] == 1


def test_closing_stores_what_waits_and_takes_nothing_more(tmp_path: Path) -> None:
    with door(tmp_path) as opened:
        futures = [opened.ingest.submit(request(body)) for body in BODIES]
    assert all(future.done() for future in futures)
    assert b"".join(opened.engine.inserted) == b"".join(BODIES)
    with pytest.raises(StoreUnavailableError, match="closing"):
        opened.ingest.submit(request(BODIES[0]))


def test_an_unexpected_error_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)

    def fail_once(body: bytes) -> None:
        opened.engine.behave = lambda body: None
        raise BROKEN

    with door(tmp_path, fail_once) as opened:  # Its trials have no answer, and raise.
        assert opened.answered(BODIES[0]) == [OK]
        until("it is stored", lambda: opened.engine.inserted == [BODIES[0]])
        # The insert's, and the trial's.
        assert opened.counters.snapshot()["errors.ingest"] == 2


def test_a_request_that_was_cancelled_never_ends_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun = threading.Event(), threading.Event()
    with door(tmp_path) as opened:
        real = opened.journal.append

        def slow(requests: list[Request]) -> object:
            begun.set()
            assert go.wait(10)
            return real(requests)

        monkeypatch.setattr(opened.journal, "append", slow)
        futures = [opened.ingest.submit(request(BODIES[0]))]
        assert begun.wait(10)
        futures += [opened.ingest.submit(request(body)) for body in BODIES[1:4]]
        assert [future.cancel() for future in futures] == [True] * 4
        last = opened.ingest.submit(request(BODIES[4]))
        go.set()
        assert last.result(10) is None
        opened.stored()
        # They came, and are stored: nobody knows that they are not wanted.
        assert sorted(b"".join(opened.engine.inserted)) == sorted(b"".join(BODIES))


def test_an_empty_request_is_answered_without_a_word_to_the_disk(tmp_path: Path) -> None:
    with door(tmp_path) as opened:
        assert opened.ingest.submit(request(b"")).result(0) is None
    assert opened.engine.inserted == []


def test_a_group_sync_waits_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(writer_module.time, "sleep", waited.append)
    journal = Journal(tmp_path / "journal", 100 * MIB, Sync.GROUP, lambda text: None)
    storing = Storing(FakeEngine(), Counters(), Trials())  # type: ignore[arg-type]
    ingest = Ingest(journal, storing, Quarantine(tmp_path / "quarantine", lambda kept: None), Counters(), MIB)
    ingest.submit(request(BODIES[0])).result(10)
    ingest.close(10)
    journal.close()
    assert waited == [0.005]


LISTED = [traces(row(number, listed=[number])) for number in range(4)]


def unprepared(body: bytes) -> Request:
    return Request("traces", body)


def test_what_came_as_it_was_is_prepared_when_it_is_stored_and_what_is_nothing_then_is_settled(tmp_path: Path) -> None:
    with door(tmp_path) as opened:
        for body in (LISTED[0], b"\x08\x01", LISTED[1] + b"\x08\x01"):
            opened.ingest.submit(unprepared(body)).result(10)
        opened.stored()
        ready = [prepare("traces", body).body for body in LISTED[:2]]
        assert b"".join(opened.engine.inserted) == b"".join(ready)
        assert b"".join(ready) != b"".join(LISTED[:2])
        assert opened.journal.waiting_bytes == 0


def test_what_a_process_left_unprepared_is_prepared_by_the_next(tmp_path: Path) -> None:
    first = Door(tmp_path, FakeEngine(held := Held()), [], 10 * MIB, 100 * MIB)
    for body in LISTED:
        first.ingest.submit(unprepared(body)).result(10)
    assert held.started.wait(10)
    # It is killed here: nothing of it is closed.
    with door(tmp_path) as second:
        second.stored()
        assert b"".join(second.engine.inserted) == b"".join(prepare("traces", body).body for body in LISTED)
    held.go.set()
    first.close()


def test_what_turns_out_to_cost_much_goes_in_with_the_next_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = [prepare("traces", body) for body in LISTED]
    with door(tmp_path, held := Held()) as opened:
        opened.answered(BODIES[0])
        assert held.started.wait(10)
        monkeypatch.setattr(module, "MAX_COST", ready[0].cost + ready[1].cost)
        for body in LISTED:
            opened.ingest.submit(unprepared(body)).result(10)
        held.go.set()
        opened.stored()
        bodies = [each.body for each in ready]
        assert opened.engine.inserted == [BODIES[0], b"".join(bodies[:2]), b"".join(bodies[2:])]


def test_what_can_not_be_prepared_though_it_was_answered_is_set_aside_as_it_came_and_its_neighbours_are_stored(
    tmp_path: Path,
) -> None:
    with door(tmp_path, held := Held()) as opened:
        opened.answered(BODIES[0])
        assert held.started.wait(10)
        for body in (LISTED[0], b"\xff\xff", LISTED[1]):
            opened.ingest.submit(unprepared(body)).result(10)
        held.go.set()
        opened.stored()
        ready = [prepare("traces", body).body for body in LISTED[:2]]
        assert opened.engine.inserted == [BODIES[0], b"".join(ready)]
        (kept,) = opened.quarantine.all()
        assert (kept.reason, kept.error, kept.cost) == ("request", "UnreadableBodyError", 0)
        assert opened.quarantine.body(kept) == b"\xff\xff"
        counted = opened.counters.snapshot()
        assert (counted["errors.otlp.prepare"], counted["quarantined.request"]) == (1, 1)
        # A person who tries it again finds it there.
        assert opened.ingest.retry([kept.name]) == 1
        until("it was tried", lambda: opened.counters.snapshot().get("errors.quarantine") == 1)
        assert [each.name for each in opened.quarantine.all()] == [kept.name]


def test_what_was_set_aside_unprepared_is_prepared_when_it_is_tried_again(tmp_path: Path) -> None:
    with door(tmp_path) as opened:
        opened.quarantine.put("00000001-00000001", unprepared(LISTED[0]), "request", "UnreadableBodyError")
        assert opened.ingest.retry(["00000001-00000001"]) == 1
        until("it is stored", lambda: not opened.quarantine.all())
        assert opened.engine.inserted == [prepare("traces", LISTED[0]).body]
