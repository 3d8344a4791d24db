"""Bodies are unpacked as a stream, never past a limit."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.all_in_one.http import bodies
from rvbbit_otel.errors import StoreUnavailableError

MIB = 1024 * 1024


async def stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def read(data: bytes, encoding: str, limit: int = MIB, size: int = 4096) -> bytes:
    budget = bodies.Budget(limit)
    with budget.share() as share:
        return asyncio.run(bodies.read(stream(data, size), encoding, limit, share))


@given(st.binary(max_size=5000), st.integers(1, 600), st.sampled_from(["", "identity", "gzip", "deflate", "GZIP"]))
def test_a_body_comes_out_as_it_went_in_however_it_is_cut(body: bytes, size: int, encoding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding.lower(), bytes)(body)
    assert read(packed, encoding, size=size) == body


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_gzip_of_several_members_is_read_to_its_end(parts: list[bytes], size: int) -> None:
    assert read(b"".join(map(gzip.compress, parts)), "gzip", size=size) == b"".join(parts)


@pytest.mark.parametrize("packed", [gzip.compress(bytes(64 * MIB)), zlib.compress(bytes(64 * MIB)), bytes(2 * MIB)])
def test_a_bomb_is_left_at_the_limit(packed: bytes) -> None:
    encoding = "" if len(packed) > MIB else "gzip"
    tracemalloc.start()
    try:
        with pytest.raises(bodies.BodyTooLargeError, match=f"over {MIB} bytes"):
            read(packed, encoding)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_a_refused_body_is_taken_off_its_connection() -> None:
    async def sent() -> AsyncIterator[bytes]:
        for _ in range(100):
            taken.append(None)
            yield bytes(MIB)

    taken: list[None] = []
    with bodies.Budget(100 * MIB).share() as share, pytest.raises(bodies.BodyTooLargeError):
        asyncio.run(bodies.read(sent(), "", MIB, share))
    assert len(taken) == 100


@pytest.mark.parametrize("data", [gzip.compress(b"whole")[:-3], b"no gzip", gzip.compress(b"x") + b"rest"])
def test_a_body_that_is_cut_or_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(bodies.CorruptBodyError):
        read(data, "gzip")


def test_an_encoding_that_is_not_served_is_named() -> None:
    with pytest.raises(bodies.UnknownEncodingError, match="'br'"):
        read(b"", "br")


def test_all_bodies_together_have_a_limit_and_give_back_what_they_took() -> None:
    async def run() -> None:
        budget = bodies.Budget(10)
        with budget.share() as first:
            assert await bodies.read(stream(bytes(6), 3), "", MIB, first) == bytes(6)
            with budget.share() as second, pytest.raises(StoreUnavailableError, match="again later"):
                await bodies.read(stream(bytes(6), 3), "", MIB, second)
            with budget.share() as third:
                assert await bodies.read(stream(bytes(4), 3), "", MIB, third) == bytes(4)
        with budget.share() as fourth:
            assert await bodies.read(stream(bytes(10), 3), "", MIB, fourth) == bytes(10)

    asyncio.run(run())


def test_slow_bodies_make_room_where_there_is_none_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.0)

    async def run() -> None:
        budget = bodies.Budget(20)
        started = [asyncio.Event(), asyncio.Event()]

        async def never_ends(number: int) -> AsyncIterator[bytes]:
            yield bytes(8)
            started[number].set()
            await asyncio.Event().wait()

        async def read_slowly(number: int) -> bytes:
            with budget.share() as share:
                return await bodies.read(never_ends(number), "", MIB, share)

        slow = []
        for number in range(2):
            slow.append(asyncio.ensure_future(read_slowly(number)))
            await started[number].wait()
        with budget.share() as good:
            assert await bodies.read(stream(bytes(10), 5), "", MIB, good) == bytes(10)
            with pytest.raises(bodies.SlowBodyError, match="takes too long to come: send it again later"):
                await slow[0]
            assert not slow[1].done()
            with budget.share() as other:
                assert await bodies.read(stream(bytes(10), 5), "", MIB, other) == bytes(10)
            with pytest.raises(bodies.SlowBodyError):
                await slow[1]
        with budget.share() as whole:
            assert await bodies.read(stream(bytes(20), 5), "", MIB, whole) == bytes(20)

    asyncio.run(run())


def test_a_body_that_is_here_as_a_whole_makes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.0)

    async def run() -> None:
        refused: list[None] = []
        budget = bodies.Budget(10, lambda: refused.append(None))
        with budget.share() as first, budget.share() as second:
            await bodies.read(stream(bytes(8), 4), "", MIB, first)
            with pytest.raises(StoreUnavailableError, match="too many bodies"):
                await bodies.read(stream(bytes(8), 4), "", MIB, second)
        assert refused == [None]

    asyncio.run(run())


def test_a_body_that_takes_too_long_is_given_up_and_its_task_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_MOST_SECONDS", 0.01)

    async def run() -> None:
        async def never_ends() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        with bodies.Budget(10).share() as share:
            with pytest.raises(bodies.SlowBodyError):
                await bodies.read(never_ends(), "", MIB, share)
            await asyncio.sleep(0)  # Not cancelled.
            monkeypatch.setattr(bodies, "_MOST_SECONDS", 60.0)
            assert await bodies.read(stream(b"abc", 1), "", MIB, share) == b"abc"

    asyncio.run(run())


def test_a_task_that_others_cancel_is_cancelled() -> None:
    async def run() -> None:
        async def never_ends() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        async def read_it() -> None:
            with bodies.Budget(10).share() as share:
                await bodies.read(never_ends(), "", MIB, share)

        task = asyncio.ensure_future(read_it())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_what_is_thrown_away_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_DISCARD_SECONDS", 0.01)

    async def never_ends() -> AsyncIterator[bytes]:
        yield bytes(2 * MIB)
        await asyncio.Event().wait()

    with bodies.Budget(100 * MIB).share() as share, pytest.raises(bodies.BodyTooLargeError):
        asyncio.run(bodies.read(never_ends(), "", MIB, share))


def test_a_body_in_many_small_members_is_refused_and_one_in_many_is_taken() -> None:
    member = gzip.compress(b"x")
    assert read(member * 4096, "gzip", size=65536) == b"x" * 4096
    with pytest.raises(bodies.CorruptBodyError, match="over 4096 members"):
        read(member * 900_000, "gzip", limit=20 * MIB, size=65536)
