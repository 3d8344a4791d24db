"""Which run of a session an answer is of: what begins one, what it keeps of the one before, and what is of another run and changes nothing."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanContext

from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId
from rvbbit_otel.attribution.registry import EchoRegistry

FOX, OWL = Caller(CallerId("sql-fox")), Caller(CallerId("sql-owl"))
S, PARENT, OTHER = SessionId("s"), SessionId("parent"), SessionId("other")
FIRST_SPAN, SECOND_SPAN = SpanContext(1, 2, False), SpanContext(3, 4, False)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> EchoRegistry:
    return EchoRegistry(ended_ttl=10, clock=clock)


def test_a_run_after_the_end_begins_with_what_it_is_given_and_knows_when_the_other_was_alive(
    registry: EchoRegistry, clock: Clock
) -> None:
    first = registry.open(S, FOX, parent_session_id=PARENT, cascade_id="one", span_context=FIRST_SPAN)
    registry.end(S)
    clock.now = 5.0
    second, begun = registry.open_run(S, OWL)
    assert begun and second.run != first.run
    assert (second.caller, second.parent_session_id, second.cascade_id, second.span_context) == (OWL, None, None, None)
    assert second.before is not None and second.opened - second.before == 5_000_000_000
    assert first.before is None


def test_what_is_learnt_later_fills_only_what_is_missing(registry: EchoRegistry) -> None:
    registry.open(S, FOX)
    registry.open(S, parent_session_id=PARENT, cascade_id="one", span_context=FIRST_SPAN)
    echo, begun = registry.open_run(S, parent_session_id=OTHER, cascade_id="two", span_context=SECOND_SPAN)
    assert not begun
    assert (echo.caller, echo.parent_session_id, echo.cascade_id, echo.span_context) == (FOX, PARENT, "one", FIRST_SPAN)


def test_opened_anew_it_is_another_run_while_the_first_lives(registry: EchoRegistry) -> None:
    first = registry.open(S, FOX)
    second = registry.open(S, OWL, anew=True)
    assert (second.caller, second.run) == (OWL, first.run + 1)
    assert second.before == second.opened


@pytest.mark.parametrize(
    ("caller", "within", "unclaimed", "another"),
    [
        (OWL, False, False, True),  # A cascade starts for another, from outside.
        (OWL, True, False, False),  # ... from inside: the same run goes on.
        (FOX, False, False, False),  # ... for the same caller.
        (Caller(CallerId("".join(list("sql-fox")))), False, False, False),  # ... whose id another object holds.
        (None, False, False, False),  # ... for nobody in particular.
        (None, False, True, True),  # ... for a caller that can't be one.
    ],
)
def test_a_cascade_that_starts_in_a_running_session(
    registry: EchoRegistry, caller: Caller | None, within: bool, unclaimed: bool, another: bool
) -> None:
    first, _ = registry.open_run(S, FOX, starts=True)
    second, begun = registry.open_run(S, caller, starts=True, within=first.run if within else None, unclaimed=unclaimed)
    assert (begun, second.run != first.run) == (another, another)
    assert second.running
    assert second.caller == ((None if unclaimed else caller) if another else FOX)


def test_a_cascade_that_starts_in_a_session_that_only_was_opened_is_its_run(registry: EchoRegistry) -> None:
    first = registry.open(S, FOX)
    second, begun = registry.open_run(S, OWL, starts=True)
    assert (begun, second.run, second.caller, second.running) == (False, first.run, FOX, True)
    looked_up = registry.open(S)
    assert looked_up.running


def test_a_cascade_of_somebody_s_in_a_running_session_of_nobody_s_is_another_run(registry: EchoRegistry) -> None:
    first, _ = registry.open_run(S, starts=True)
    second, begun = registry.open_run(S, FOX, starts=True)
    assert (begun, second.caller) == (True, FOX)
    assert second.run == first.run + 1


def test_an_explicit_claim_wins_and_names_whom_it_replaced(registry: EchoRegistry) -> None:
    registry.open(S, FOX)
    echo = registry.open(S, OWL, explicit=True)
    assert (echo.caller, echo.conflict) == (OWL, "sql-fox")
    assert registry.open(S, OWL, explicit=True).conflict == "sql-fox"
    assert registry.counters.snapshot() == {"conflicts.session": 1}


def test_an_explicit_claim_of_the_same_caller_is_no_conflict(registry: EchoRegistry) -> None:
    registry.open(S, FOX)
    echo = registry.open(S, Caller(CallerId("".join(list("sql-fox")))), explicit=True)
    assert (echo.caller, echo.conflict) == (FOX, None)
    assert registry.counters.snapshot() == {}


def test_a_conflict_that_a_weaker_rule_knew_of_is_kept(registry: EchoRegistry) -> None:
    assert registry.open(S, FOX, conflict="sql-owl").conflict == "sql-owl"
    assert registry.open(S).conflict == "sql-owl"
    registry.open(OTHER, FOX)
    assert registry.open(OTHER, conflict="sql-owl").conflict == "sql-owl"


def test_what_the_runner_gave_to_nobody_is_only_whose_it_names_for_it(registry: EchoRegistry) -> None:
    registry.open(PARENT, FOX)
    nobodys, _ = registry.open_run(S, unclaimed=True, parent_session_id=PARENT)
    assert (nobodys.caller, nobodys.unclaimed) == (None, True)
    assert registry.open(S, FOX).caller is None
    assert registry.open(S, parent_session_id=PARENT).unclaimed
    named = registry.open(S, OWL, explicit=True)
    assert (named.caller, named.unclaimed) == (OWL, False)


def test_a_session_that_was_opened_by_nobody_is_whose_parent_is_told_of_later(registry: EchoRegistry) -> None:
    registry.open(PARENT, FOX)
    registry.open(S)
    assert registry.open(S, parent_session_id=PARENT).caller == FOX


def test_an_end_and_a_span_of_another_run_change_nothing(registry: EchoRegistry) -> None:
    first = registry.open(S, FOX)
    second = registry.open(S, OWL, anew=True)
    registry.end(S, first.run)
    registry.hang(S, FIRST_SPAN, first.run)
    assert registry.get(S) == second
    registry.hang(S, FIRST_SPAN, second.run)
    registry.hang(OTHER, FIRST_SPAN)
    registry.end(OTHER)
    known = registry.get(S)
    assert known is not None and known.span_context == FIRST_SPAN and known.ended is None
    registry.hang(S, SECOND_SPAN)
    registry.end(S, second.run)
    known = registry.get(S)
    assert known is not None and known.span_context == SECOND_SPAN and known.ended == 0.0
    assert registry.get(OTHER) is None


def test_a_second_end_does_not_prolong_what_is_remembered(registry: EchoRegistry, clock: Clock) -> None:
    registry.open(S, FOX)
    registry.end(S)
    clock.now = 9.0
    registry.end(S)
    clock.now = 10.5
    registry.open(OTHER)
    assert (registry.get(S), registry.knew(S)) == (None, True)


def test_a_session_is_forgotten_exactly_when_its_time_is_over(registry: EchoRegistry, clock: Clock) -> None:
    registry.open(S, FOX)
    registry.end(S)
    clock.now = 10.0
    registry.open(OTHER)
    assert registry.get(S) is None


def test_a_session_that_was_opened_again_is_not_forgotten_with_its_earlier_run(
    registry: EchoRegistry, clock: Clock
) -> None:
    registry.open(S, FOX)
    registry.end(S)
    clock.now = 5.0
    registry.open(S, OWL)
    clock.now = 11.0
    registry.open(OTHER)
    known = registry.get(S)
    assert known is not None and known.caller == OWL
    registry.end(S)
    clock.now = 16.0
    registry.open(OTHER)
    assert registry.get(S) is not None


def test_sessions_that_are_over_are_forgotten_a_few_with_each_call(registry: EchoRegistry, clock: Clock) -> None:
    for number in range(20):
        registry.open(SessionId(f"s{number}"), FOX)
        registry.end(SessionId(f"s{number}"))
    clock.now = 11.0
    left = []
    for _ in range(4):
        registry.hang(OTHER, FIRST_SPAN)
        registry.end(OTHER)
        left.append(len(registry))
    assert left == [12, 4, 0, 0]
    assert all(registry.knew(f"s{number}") for number in range(20))
    assert registry.counters.snapshot() == {}


def test_a_session_that_was_never_here_is_not_known(registry: EchoRegistry) -> None:
    registry.open(S, FOX)
    assert (registry.knew("never"), len(registry)) == (False, 1)


def test_one_session_fits_where_one_may_be_held() -> None:
    registry = EchoRegistry(max_sessions=1)
    registry.open(S, FOX)
    registry.open(OTHER, OWL)
    assert (registry.get(S), len(registry), registry.counters.snapshot()) == (None, 1, {"evicted": 1})
    known = registry.get(OTHER)
    assert known is not None and known.caller == OWL
