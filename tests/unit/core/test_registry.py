from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId
from rvbbit_otel.attribution.registry import EchoRegistry

FOX, OWL = Caller(CallerId("sql-fox")), Caller(CallerId("sql-owl"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sid(text: object) -> SessionId:
    return SessionId(str(text))


def test_a_sub_session_inherits_the_caller_of_its_parent() -> None:
    registry = EchoRegistry()
    registry.open(sid("parent"), FOX)
    registry.open(sid("child"), parent_session_id=sid("parent"))
    grandchild = registry.open(sid("grandchild"), parent_session_id=sid("child"))
    assert grandchild.caller == FOX
    assert grandchild.parent_session_id == "child"


def test_a_sub_session_keeps_a_caller_of_its_own() -> None:
    registry = EchoRegistry()
    registry.open(sid("parent"), FOX)
    assert registry.open(sid("child"), OWL, parent_session_id=sid("parent")).caller == OWL


def test_a_live_session_keeps_its_first_caller_and_the_conflict_is_counted() -> None:
    registry = EchoRegistry()
    registry.open(sid("s"), FOX)
    assert registry.open(sid("s"), OWL).caller == FOX
    assert registry.counters.snapshot() == {"conflicts.session": 1}


def test_a_session_without_a_caller_learns_it_later() -> None:
    registry = EchoRegistry()
    registry.open(sid("s"), cascade_id="c")
    assert registry.open(sid("s"), FOX) == registry.get("s")
    echo = registry.get("s")
    assert echo is not None
    assert (echo.caller, echo.cascade_id) == (FOX, "c")


def test_an_ended_session_can_be_opened_anew_by_another_caller() -> None:
    registry = EchoRegistry()
    registry.open(sid("s"), FOX)
    registry.end(sid("s"))
    assert registry.open(sid("s"), OWL).caller == OWL
    assert registry.counters.snapshot() == {}


def test_an_ended_session_is_remembered_for_its_time_and_then_forgotten() -> None:
    clock = Clock()
    registry = EchoRegistry(ended_ttl=10, clock=clock)
    registry.open(sid("s"), FOX)
    registry.end(sid("s"))
    clock.now = 9.9
    registry.open(sid("other"))
    assert registry.get("s") is not None
    clock.now = 10.1
    registry.open(sid("another"))
    assert registry.get("s") is None


def test_a_full_registry_forgets_the_ended_before_the_oldest_and_counts_it() -> None:
    registry = EchoRegistry(max_sessions=3)
    for name in ("a", "b", "c"):
        registry.open(sid(name), FOX)
    registry.end(sid("b"))
    registry.open(sid("d"), FOX)
    registry.open(sid("e"), FOX)
    assert [name for name in "abcde" if registry.get(name)] == ["c", "d", "e"]
    assert registry.counters.snapshot() == {"evicted": 2}


def test_a_caller_is_the_same_by_its_id_whatever_object_holds_that() -> None:
    again = Caller(CallerId("".join(list(FOX.id))))
    registry = EchoRegistry()
    running, began = registry.open_run(sid("s"), FOX, starts=True)
    same, began_again = registry.open_run(sid("s"), again, starts=True)
    assert (began, began_again) == (True, False)
    assert (same.run, same.conflict) == (running.run, None)
    assert registry.counters.snapshot() == {}


def test_as_many_ended_sessions_as_there_is_room_for_are_all_remembered() -> None:
    registry = EchoRegistry(max_sessions=3)
    for name in ("a", "b", "c"):
        registry.open(sid(name), FOX)
    for name in ("a", "b", "c"):
        registry.end(sid(name))
    assert [name for name in "abc" if registry.get(name)] == ["a", "b", "c"]
    assert registry.counters.snapshot() == {}


def test_a_full_registry_of_live_sessions_forgets_a_thousandth_at_once() -> None:
    registry = EchoRegistry(max_sessions=3_000)
    for number in range(3_001):
        registry.open(sid(f"s{number}"), FOX)
    assert [number for number in range(3_001) if registry.get(f"s{number}") is None] == [0, 1, 2]
    assert (len(registry), registry.counters.snapshot()) == (2_998, {"evicted": 3})


def test_one_id_opened_and_ended_over_and_over_stays_bounded() -> None:
    registry = EchoRegistry(max_sessions=10)
    for _ in range(1000):
        registry.open(sid("s"), FOX)
        registry.end(sid("s"))
    assert len(registry) <= 1
    assert len(registry._ended) <= 10


class RegistryAgainstModel(RuleBasedStateMachine):
    """The registry against a dictionary of the caller that each session must have."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.registry = EchoRegistry(max_sessions=10_000, ended_ttl=1e9, clock=self.clock)
        self.callers: dict[str, Caller | None] = {}
        self.ended: set[str] = set()

    @rule(
        name=st.sampled_from("abcdef"),
        caller=st.sampled_from([None, FOX, OWL]),
        parent=st.none() | st.sampled_from("abcdef"),
    )
    def open(self, name: str, caller: Caller | None, parent: str | None) -> None:
        inherited = caller or (self.callers.get(parent) if parent else None)
        if name in self.ended:
            self.ended.discard(name)
            # A session that names itself as its parent is opened anew from what it was.
            self.callers.pop(name)
        self.callers[name] = self.callers.get(name) or inherited
        self.registry.open(sid(name), caller, parent_session_id=sid(parent) if parent else None)

    @rule(name=st.sampled_from("abcdef"))
    def end(self, name: str) -> None:
        self.registry.end(sid(name))
        if name in self.callers:
            self.ended.add(name)

    @invariant()
    def every_session_has_the_caller_of_the_model(self) -> None:
        for name, caller in self.callers.items():
            echo = self.registry.get(name)
            assert echo is not None
            assert (echo.caller, echo.ended is not None) == (caller, name in self.ended)


TestRegistryAgainstModel = RegistryAgainstModel.TestCase


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=200))
def test_the_registry_never_holds_more_than_its_bound(bound: int, calls: list[tuple[int, bool]]) -> None:
    registry = EchoRegistry(max_sessions=bound)
    for number, ends in calls:
        registry.open(sid(number), FOX)
        if ends:
            registry.end(sid(number))
        assert len(registry) <= bound


def test_eight_threads_find_each_of_their_sessions_with_their_own_caller() -> None:
    registry = EchoRegistry(max_sessions=100_000)
    wrong: list[str] = []
    start = threading.Barrier(8)

    def work(worker: int) -> None:
        caller = Caller(CallerId(f"sql-{worker}"))
        start.wait()
        for number in range(1000):
            session = sid(f"{worker}-{number}")
            registry.open(session, caller)
            registry.open(sid(f"{session}-child"), parent_session_id=session)
            for name in (session, f"{session}-child"):
                echo = registry.get(name)
                if echo is None or echo.caller != caller:
                    wrong.append(name)
            registry.end(session)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (wrong, len(registry)) == ([], 16_000)


_FORK = """
import os, sys, threading
from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.registry import EchoRegistry
registry = EchoRegistry()
registry.open("s", Caller.of("sql-fox"))
held, done = threading.Event(), threading.Event()
def hold():
    with registry._lock:
        held.set()
        done.wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
pid = os.fork()
if pid == 0:
    registry.open("child", parent_session_id="s")
    os._exit(0 if registry.get("child").caller.id == "sql-fox" else 1)
status = os.waitpid(pid, 0)[1]
done.set()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_child_forked_while_another_thread_holds_the_lock_works_on() -> None:
    finished = subprocess.run([sys.executable, "-W", "ignore", "-c", _FORK], timeout=30, env=os.environ, check=False)
    assert finished.returncode == 0
