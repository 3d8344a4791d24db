"""What the assertion for users' tests accepts, and word for word what it says."""

from __future__ import annotations

import pytest

from rvbbit_otel.testing import Recorded, assert_attributed

TEA = Recorded("answer tea", "web-1", "echo", "run-1")
RAIN = Recorded("answer rain", "web-2", "baggage", "run-2", {"rvbbit.caller.conflict": "web-1"})
LOST = Recorded("timer", None, "none", None, {"rvbbit.caller.candidate": "web-1"})


def said(recorded: list[Recorded], to: object) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        assert_attributed(recorded, to)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def test_what_is_as_expected_passes() -> None:
    assert_attributed([TEA, TEA], "web-1")
    assert_attributed([TEA, RAIN, LOST], {"answer rain": "web-2", "answer *": "web-1", "timer": None})


def test_nothing_recorded_is_no_success() -> None:
    (line,) = said([], "web-1")
    assert line.startswith("nothing was recorded, so nothing is attributed")


def test_a_failure_shows_each_that_differs_and_why() -> None:
    assert said([TEA, RAIN, LOST, Recorded("raw", None, "")], "web-1") == [
        "not attributed as expected",
        "3 of 4 are another's:",
        "  name         session  expected  found   source",
        "  answer rain  run-2    web-1     web-2   baggage  web-1 says so too",
        "  timer        -        web-1     nobody  none     may be of web-1",
        "  raw          -        web-1     nobody  -        not stamped: is the instrumentation on?",
        "by caller: nobody 2, web-1 1, web-2 1",
    ]


def test_what_is_not_expected_and_what_is_missing_are_named() -> None:
    assert said([TEA, LOST], {"answer *": "web-1", "chat": "web-1"}) == [
        "not attributed as expected",
        "recorded, and not expected at all: timer",
        "expected, and not recorded: chat",
        "by caller: web-1 1, nobody 1",
    ]


def test_long_and_hostile_names_do_not_break_the_table() -> None:
    lines = said([Recorded("a\x1b[31m\n" + "b" * 100, "x", "echo")], "web-1")
    assert lines[3] == "  a?[31m?" + "b" * 38 + "...  -        web-1     x      echo"
    many = said([LOST] * 50, "web-1")
    assert (len(many), many[-2]) == (45, "  and 10 more")
