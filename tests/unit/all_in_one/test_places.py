"""Places at the engine: how many questions are in it, whatever they do."""

from __future__ import annotations

import threading

from rvbbit_otel.all_in_one.engine.places import Places


def test_a_place_that_is_given_up_is_another_s_and_comes_back_once() -> None:
    places = Places(1, 1)
    stuck = places.take(0)
    assert stuck is not None
    assert places.take(0) is None
    assert stuck.give_up()
    assert stuck.give_up()  # Said twice, it is one place all the same.
    second = places.take(0)
    assert second is not None
    assert not second.give_up()  # One may be stuck, and it is.
    assert places.take(0) is None
    stuck.give_back()
    assert places.take(0) is None
    assert second.give_up()
    second.give_back()
    assert places.take(0) is not None
    assert places.take(0) is None


def test_what_left_has_no_place_to_give_up() -> None:
    places = Places(1, 1)
    first = places.take(0)
    assert first is not None
    first.give_back()
    assert first.give_up()
    assert places.take(0) is not None
    assert places.take(0) is None


def test_whoever_waits_gets_the_place_that_is_given_up() -> None:
    places, got = Places(1, 1), []
    stuck = places.take(0)
    assert stuck is not None
    waiting = threading.Thread(target=lambda: got.append(places.take(30)))
    waiting.start()
    stuck.give_up()
    waiting.join()
    assert got != [None]


def test_at_the_end_it_is_told_how_many_are_left_and_no_place_is_free() -> None:
    places = Places(2, 2)
    first, second = places.take(0), places.take(0)
    assert first is not None
    assert second is not None
    second.give_back()
    first.give_up()
    assert places.wait_empty(0) == 1
    assert places.take(0) is None
    assert Places(1, 1).wait_empty(0) == 0
