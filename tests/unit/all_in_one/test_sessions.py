"""What a session remembers, and for how long."""

from __future__ import annotations

import pytest

from rvbbit_otel.all_in_one.answering import sessions
from rvbbit_otel.all_in_one.answering.sessions import Sessions


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    return now


def test_a_session_remembers_until_its_time_is_over(clock: list[float]) -> None:
    of = Sessions()
    of.of("a").change([("max_threads", "2")])
    of.of("a").database = "system"
    clock[0] += 59
    assert (of.of("a").settings, of.of("a").database, of.of("b").settings) == ({"max_threads": "2"}, "system", {})
    clock[0] += 61
    assert (of.of("a").settings, of.of("a").database) == ({}, None)


@pytest.mark.parametrize(("timeout", "seconds"), [("5", 5), ("", 60), ("-1", 60), ("x", 60), ("99999", 3600)])
def test_a_client_chooses_the_time_below_an_hour(clock: list[float], timeout: str, seconds: int) -> None:
    of = Sessions()
    of.of("a", timeout).change([("max_threads", "2")])
    clock[0] += seconds - 0.5
    assert of.of("a", timeout).settings == {"max_threads": "2"}
    clock[0] += seconds + 0.5
    assert of.of("a", timeout).settings == {}


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_without_a_usable_name_nothing_is_remembered(name: str) -> None:
    of = Sessions()
    of.of(name).change([("max_threads", "2")])
    assert of.of(name).settings == {}


def test_the_oldest_makes_room() -> None:
    of = Sessions()
    for number in range(257):
        of.of(str(number)).change([("max_threads", "2")])
    assert [of.of(str(number)).settings for number in (256, 0)] == [{"max_threads": "2"}, {}]


def test_a_session_has_room_for_so_many_settings() -> None:
    of = Sessions()
    of.of("a").change([(f"setting_{number}", "1") for number in range(200)])
    of.of("a").change([("one_more", "1")])
    of.of("a").change([("setting_0", "2")])
    assert (len(of.of("a").settings), of.of("a").settings["setting_0"]) == (200, "2")
