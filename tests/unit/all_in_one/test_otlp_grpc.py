"""Places for messages on their way."""

from __future__ import annotations

import asyncio

import pytest

from rvbbit_otel.all_in_one.endpoints import otlp_grpc
from rvbbit_otel.all_in_one.endpoints.otlp_grpc import Places
from rvbbit_otel.errors import StoreUnavailableError


class Taker:
    """Takes a place in a task of its own, and gives it back when it is told to or has to."""

    def __init__(self, places: Places, seconds: float = 10) -> None:
        self.has, self.done, self.evicted = asyncio.Event(), asyncio.Event(), False
        self.task = asyncio.ensure_future(self._run(places, seconds))

    async def _run(self, places: Places, seconds: float) -> None:
        async with places.take(seconds) as needed:
            self.has.set()
            done = asyncio.ensure_future(self.done.wait())
            await asyncio.wait({done, needed}, return_when=asyncio.FIRST_COMPLETED)
            self.evicted = needed.done()
            done.cancel()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_free_place_goes_to_who_came_last() -> None:
    async def run() -> None:
        places = Places(2)
        first, second, third, fourth = (Taker(places) for _ in range(4))
        await turns()
        assert [each.has.is_set() for each in (first, second, third, fourth)] == [True, True, False, False]
        first.done.set()
        await fourth.has.wait()
        assert not third.has.is_set()
        second.done.set()
        await third.has.wait()
        for each in (third, fourth):
            each.done.set()
        await asyncio.gather(*(each.task for each in (first, second, third, fourth)))
        assert not any(each.evicted for each in (first, second, third, fourth))
        late = Taker(places)
        await late.has.wait()
        late.done.set()
        await late.task

    asyncio.run(asyncio.wait_for(run(), 30))


def test_where_all_are_taken_the_oldest_makes_room_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_grpc, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(otlp_grpc, "_LEAST_PATIENCE_SECONDS", 0.01)

    async def run() -> None:
        places = Places(3)
        slow = [Taker(places) for _ in range(3)]
        await turns()
        good = [Taker(places) for _ in range(2)]
        for each in good:
            await each.has.wait()
        await turns()
        assert [each.evicted for each in slow] == [True, True, False]
        for each in (*slow, *good):
            each.done.set()
        await asyncio.gather(*(each.task for each in (*slow, *good)))
        assert (len(places._taken), len(places._waiting)) == (0, 0)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_who_gets_no_place_in_time_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        places = Places(1)
        first, second = Taker(places), Taker(places, seconds=0.01)
        with pytest.raises(StoreUnavailableError, match="send it again later"):
            await second.task
        third = Taker(places)
        await turns()
        third.task.cancel()  # Its client has left.
        await turns()
        assert places._waiting == []
        fourth = Taker(places)
        await turns()
        first.done.set()
        await first.task
        fourth.task.cancel()  # It has a place, and does not know yet.
        with pytest.raises(asyncio.CancelledError):
            await fourth.task
        assert len(places._taken) == 0

    asyncio.run(asyncio.wait_for(run(), 30))
