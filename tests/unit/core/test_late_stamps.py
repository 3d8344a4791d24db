"""Whose an ended span is that named a session too late for its stamp: the run's within which it was, to the nanosecond."""

from __future__ import annotations

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import Stamper
from rvbbit_otel.counters import Counters

FOX, OWL = Caller.of("sql-fox", None), Caller.of("sql-owl", None)
S1 = SessionId("s1")


def test_a_span_that_was_over_before_the_session_was_known_is_not_the_session_s() -> None:
    registry = EchoRegistry()
    opened = registry.open(S1, FOX).opened
    stamper = Stamper(registry, Counters())
    assert stamper.late_stamp("s1", None, opened - 9, opened - 1) is None
    assert (stamper.late_stamp("s1", None, opened - 9, opened) or {})["rvbbit.caller.id"] == "sql-fox"


def test_a_span_that_began_before_the_run_that_has_the_id_now_is_not_that_run_s() -> None:
    registry = EchoRegistry()
    registry.open(S1, FOX)
    registry.end(S1)
    echo = registry.open(S1, OWL)
    assert echo.before is not None
    stamper = Stamper(registry, Counters())
    assert stamper.late_stamp("s1", None, echo.before - 1, echo.opened + 1) is None
    assert stamper.late_stamp("s1", None, echo.before, echo.opened + 1) is None
    assert (stamper.late_stamp("s1", None, echo.before + 1, echo.opened + 1) or {})["rvbbit.caller.id"] == "sql-owl"


def test_a_span_whose_run_is_known_is_that_run_s_whenever_it_was() -> None:
    registry = EchoRegistry()
    first = registry.open(S1, FOX)
    registry.end(S1)
    second = registry.open(S1, OWL)
    stamper = Stamper(registry, Counters())
    assert stamper.late_stamp("s1", first.run, second.opened + 1, second.opened + 2) is None
    late = stamper.late_stamp("s1", second.run, first.opened, second.opened + 2)
    assert (late or {})["rvbbit.caller.id"] == "sql-owl"


def test_a_session_that_is_unknown_or_nobody_s_or_no_text_repairs_nothing() -> None:
    registry = EchoRegistry()
    registry.open(SessionId("s2"))
    stamper = Stamper(registry, Counters())
    assert [stamper.late_stamp(name, None, 1, 2**63) for name in ("s1", "s2", 7, None)] == [None] * 4
