"""Whoever asks waits for what was there before, and for nothing that came later."""

from __future__ import annotations

import random

import pytest

from rvbbit_otel.all_in_one.ingest.progress import Progress


def test_who_asks_where_nothing_is_on_its_way_does_not_wait() -> None:
    progress = Progress()
    assert progress.all_so_far().done()
    progress.add([1, 2])
    progress.settle([2, 1])
    assert progress.all_so_far().done()


@pytest.mark.parametrize("seed", range(50))
def test_each_waits_for_all_before_it_whatever_the_order(seed: int) -> None:
    chance, progress = random.Random(seed), Progress()
    on_their_way: set[int] = set()
    asked: list[tuple[set[int], object]] = []
    number = 0
    for _ in range(200):
        step = chance.random()
        if step < 0.4:
            number += 1
            progress.add([number])
            on_their_way.add(number)
        elif step < 0.7 and on_their_way:
            done = set(chance.sample(sorted(on_their_way), chance.randint(1, len(on_their_way))))
            on_their_way -= done
            progress.settle(done)
        else:
            asked.append((set(on_their_way), progress.all_so_far()))
        assert [future.done() for _, future in asked] == [not (before & on_their_way) for before, future in asked]  # type: ignore[attr-defined]


def test_who_waits_is_told_when_it_will_take_long_and_who_left_is_forgotten() -> None:
    progress = Progress()
    progress.add([1])
    waits, left = progress.all_so_far(), progress.all_so_far()
    left.cancel()
    progress.give_up(OSError("no room"))
    assert isinstance(waits.exception(0), OSError)
    again = progress.all_so_far()
    progress.settle([1])
    assert again.result(0) is None
