"""Addresses: what they say, and how one leads to another."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.page.address import Address

_NOW = datetime(2026, 1, 31, 18, tzinfo=timezone.utc)


def at(view: str = "rows", **given: str) -> Address:
    return Address(view, {name.rstrip("_"): value for name, value in given.items()}, _NOW)


def test_a_range_is_a_length_or_two_moments_in_utc() -> None:
    assert at().window.begin == _NOW - timedelta(hours=24)
    assert at(last="30m").window.begin == _NOW - timedelta(minutes=30)
    window = at(from_="2026-01-30", to="2026-01-31T12:00").window
    assert (window.begin, window.end) == (
        datetime(2026, 1, 30, tzinfo=timezone.utc),
        datetime(2026, 1, 31, 12, tzinfo=timezone.utc),
    )
    assert window.parameters == {"since": 1769731200, "until": 1769860800}
    assert at(last="all").window.words == "all time"


@pytest.mark.parametrize(
    "given",
    [
        {"last": "0h"},
        {"last": "1w"},
        {"last": "-1h"},
        {"from_": "soon"},
        {"from_": "2026-02-01", "to": "2026-01-01"},
        {"to": "9999-01-01"},
    ],
)
def test_what_is_no_range_is_an_error_that_shows_one(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        _ = at(**given).window


def test_a_link_within_a_view_keeps_its_filters_and_one_to_another_keeps_the_range_only() -> None:
    here = at(last="7d", kind="llm", q="a b&c")
    assert here.link(kind=None) == "/page/rows?last=7d&q=a+b%26c"
    assert here.link(order="cost") == "/page/rows?last=7d&kind=llm&q=a+b%26c&order=cost"
    assert here.link("caller", id="sql-fox") == "/page/caller?last=7d&id=sql-fox"
    assert here.link("callers") == "/page/?last=7d"
    assert here.link(extension=".csv", q=None) == "/page/rows.csv?last=7d&kind=llm"
    assert here.ranged("1h") == "/page/rows?kind=llm&q=a+b%26c&last=1h"


def test_a_value_cant_leave_its_field() -> None:
    link = at().link("session", id="a&last=all#x?y=<\"'/\n")
    assert link == "/page/session?id=a%26last%3Dall%23x%3Fy%3D%3C%22%27%2F%0A"


def test_an_address_of_no_end_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="over 64 fields"):
        Address("rows", {f"f{number}": "" for number in range(65)}, _NOW)
    with pytest.raises(ConfigurationError, match="30,000 bytes"):
        at(q="x" * 29_999)


def test_numbers_and_choices_are_checked() -> None:
    assert at(least="0.5").number("least") == 0.5
    for wrong in ("nan", "inf", "-1", "1e99", "x"):
        with pytest.raises(ConfigurationError):
            at(least=wrong).number("least")
    with pytest.raises(ConfigurationError, match="is none of a, b"):
        at(by="c").one_of("by", ("a", "b"), "a")
    assert at(before="1769731200000000001").nanoseconds("before") == 1769731200000000001
    with pytest.raises(ConfigurationError):
        at(before="9" * 19).nanoseconds("before")
