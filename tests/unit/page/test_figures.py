"""Numbers, dollars and foreign text as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from rvbbit_otel.page import figures

_NOW = datetime(2026, 1, 31, 18, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (None, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.2k"),
        (34_567, "35k"),
        (5_600_000, "5.6M"),
        (2 * 10**9, "2G"),
        (-1500, "-1.5k"),
    ],
)
def test_counts_are_short(value: int | None, shown: str) -> None:
    assert figures.count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown", "exact"),
    [
        ("0", "$0", "$0"),
        ("12.346", "$12.35", "$12.346"),
        ("1234567.8", "$1,234,567.80", "$1,234,567.8"),
        ("0.000150000000", "$0.00015", "$0.00015"),
        ("0.25", "$0.25", "$0.25"),
        ("0.1", "$0.10", "$0.1"),
        ("0.000000000001", "$0.000000000001", "$0.000000000001"),
        ("-0.5", "-$0.50", "$-0.5"),
        ("100", "$100.00", "$100"),
    ],
)
def test_dollars_keep_two_digits_that_say_something_and_the_exact_ones_all(value: str, shown: str, exact: str) -> None:
    assert (figures.dollars(Decimal(value)), figures.exact_dollars(Decimal(value))) == (shown, exact)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\u2013"),
        (0, "0.0 ms"),
        (0.44, "0.4 ms"),
        (12.3, "12 ms"),
        (3400, "3.4 s"),
        (125_000, "2 min 5 s"),
        (3_780_000, "1 h 3 min"),
    ],
)
def test_lengths_of_time(value: float | None, shown: str) -> None:
    assert figures.lasting(value) == shown.replace("0.0 ms", "0 ms")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (2, "just now"),
        (40, "40 s ago"),
        (200, "3 min ago"),
        (7300, "2 h ago"),
        (5 * 86_400, "5 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_moments_are_told_from_now(seconds: int, shown: str) -> None:
    assert figures.ago(_NOW - timedelta(seconds=seconds), _NOW) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "\u2013"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 10**6, "< 0.1 %"),
        (999_999, 10**6, "> 99.9 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_a_share_is_all_or_none_only_where_it_is(part: int, whole: int, shown: str) -> None:
    assert figures.percent(part, whole) == shown


def test_foreign_text_is_bounded_and_its_controls_can_be_seen() -> None:
    assert figures.text("a\x1b[31m\x00b\tc\nd\x9b") == "a\ufffd[31m\ufffdb\tc\nd\ufffd"
    assert figures.text("x" * 2001) == "x" * 2000 + "… (2,001 characters)"
    assert figures.line("a\n  b\tc") == "a b c"
