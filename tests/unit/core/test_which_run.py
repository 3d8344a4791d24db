"""Which run something is of, asked of the rule itself: an id that is equal counts, whichever object it is, and one that only looks near does not."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context

from rvbbit_otel.attributes import CALLER_ID, CALLER_SOURCE, SESSION_ID
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import Stamper
from rvbbit_otel.attribution.work import Work
from rvbbit_otel.counters import Counters

FOX, OWL = Caller.of("sql-fox"), Caller.of("sql-owl")
S1, S2 = SessionId("s1"), SessionId("s2")


class Runs:
    """A session id that had two runs, the first of them FOX's, the second OWL's."""

    def __init__(self) -> None:
        self.registry = EchoRegistry()
        for number in range(300):  # Python keeps one object for each smaller number.
            self.registry.open(SessionId(f"before-{number}"))
        self.first = self.registry.open(S1, FOX)
        self.registry.end(S1)
        self.second = self.registry.open(S1, OWL)
        self.stamper = Stamper(self.registry, Counters())


@pytest.fixture
def runs() -> Runs:
    return Runs()


def same(text: str) -> SessionId:
    """An equal text in another object."""
    return SessionId("".join(list(text)))


def having_left(echo: Echo) -> Context:
    work = Work(None)
    work.left = echo
    return with_work(Context(), work)


def test_a_span_that_names_the_session_whose_run_its_work_has_left_is_of_that_run(runs: Runs) -> None:
    context = having_left(runs.first)
    assert runs.stamper.run_of(same("s1"), context) == runs.first.run
    assert runs.stamper.stamp({SESSION_ID: same("s1")}, context) == {SESSION_ID: "s1", CALLER_SOURCE: "none"}


def test_work_that_has_left_the_run_that_goes_on_names_it_again(runs: Runs) -> None:
    assert runs.stamper.stamp({SESSION_ID: same("s1")}, having_left(runs.second))[CALLER_ID] == "sql-owl"


def test_a_run_that_was_left_says_nothing_of_another_session(runs: Runs) -> None:
    other = runs.registry.open(SessionId("s0"), OWL)
    assert runs.stamper.run_of("s0", having_left(runs.first)) == other.run


def test_a_span_that_names_the_session_of_its_work_is_of_that_run_of_it(runs: Runs) -> None:
    context = with_work(Context(), Work(FOX, session_id=S1, echo=runs.first))
    assert runs.stamper.run_of(same("s1"), context) == runs.first.run


def test_a_late_span_is_of_the_run_with_its_number_and_of_no_later_one(runs: Runs) -> None:
    number, ends = runs.second.run, runs.second.opened + 1
    assert runs.stamper.late_stamp("s1", int(str(number)), 0, ends) == runs.second.stamp
    assert [runs.stamper.late_stamp("s1", other, 0, ends) for other in (number - 1, number + 1)] == [None, None]


def test_work_that_names_its_own_session_is_its_caller_s_when_that_session_was_forgotten() -> None:
    registry = EchoRegistry(max_sessions=1)
    registry.open(S1, FOX)
    registry.open(S2, OWL)
    stamper = Stamper(registry, registry.counters)
    context = with_work(Context(), Work(FOX, session_id=S1))
    assert stamper.stamp({SESSION_ID: same("s1")}, context)[CALLER_ID] == "sql-fox"
    assert stamper.stamp({SESSION_ID: same("s1")}, Context()) == {SESSION_ID: "s1", CALLER_SOURCE: "none"}


@pytest.mark.parametrize("named", [{"a": 1}, ["s1"], 1, ""])
def test_a_session_that_is_named_by_what_is_no_id_is_nobody_s(runs: Runs, named: object) -> None:
    assert runs.stamper.stamp({SESSION_ID: named}, Context()) == {CALLER_SOURCE: "none"}  # type: ignore[dict-item]


def test_a_session_is_forgotten_when_it_is_due_though_another_has_ended_since() -> None:
    now = [0.0]
    registry = EchoRegistry(ended_ttl=60.0, clock=lambda: now[-1])
    for session, ended in ((S1, 0.0), (S2, 50.0)):
        registry.open(session, FOX)
        now.append(ended)
        registry.end(session)
    now.append(61.0)
    registry.open(SessionId("s3"), OWL)
    assert [registry.get(session) is None for session in (S1, S2)] == [True, False]
