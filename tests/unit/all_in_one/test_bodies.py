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

from rvbbit_otel.all_in_one import bodies
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
