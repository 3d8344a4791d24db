"""What is packed for a client, and what a client packed, comes out as it went in, whichever way, and never as more than may be."""

from __future__ import annotations

import asyncio
import gzip
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import brotli
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.all_in_one.answering.packing import Packer, encoding_for, pack_error
from rvbbit_otel.all_in_one.http import blocks, bodies
from rvbbit_otel.all_in_one.http.unpacking import CLICKHOUSE, unpacker_of
from rvbbit_otel.errors import StoreUnavailableError

MIB = 1024 * 1024
ENCODINGS = ["", *CLICKHOUSE]
METHODS = [None, "lz4", "zstd"]
# As release 0.10.0 of ClickHouse's JDBC driver sent it.
FROM_JAVA = (
    b"\xf1\x1d\xc0V\x02\x81j\x1bE A,&\xcc\xb5I\x82G\x00\x00\x00C\x00\x00\x00\xf7\x0fSELECT count() FROM numbers(10\x01\x00"
    b"\xf0\x0b) WHERE NOT ignore(number)"
)


async def stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def unpacked(data: bytes, encoding: str, in_blocks: object, limit: int = 4 * MIB, size: int = 4096) -> bytes:
    make = partial(unpacker_of, served=CLICKHOUSE, blocks_of=limit if in_blocks else 0)
    with bodies.Budget(2 * limit).share() as share:
        return asyncio.run(bodies.read(stream(data, size), encoding, limit, share, make))


def packed(pieces: list[bytes], encoding: str, in_blocks: str | None) -> bytes:
    async def pack() -> bytes:
        with ThreadPoolExecutor(1) as threads:
            packer = Packer(encoding or None, in_blocks, threads)
            return b"".join([await packer.pack(piece) for piece in pieces] + [await packer.pack(b"", last=True)])

    return asyncio.run(pack())


@given(
    st.lists(st.binary(max_size=3000), max_size=5),
    st.sampled_from(ENCODINGS),
    st.sampled_from(METHODS),
    st.integers(1, 600),
)
def test_an_answer_comes_out_as_it_went_in_however_it_is_packed_and_cut(
    pieces: list[bytes], encoding: str, in_blocks: str | None, size: int
) -> None:
    assert unpacked(packed(pieces, encoding, in_blocks), encoding, in_blocks, size=size) == b"".join(pieces)


@pytest.mark.parametrize("in_blocks", METHODS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_large_pieces_too(encoding: str, in_blocks: str | None) -> None:
    pieces = [bytes(range(256)) * 5000, b"x", bytes(MIB)]
    assert unpacked(packed(pieces, encoding, in_blocks), encoding, in_blocks, 20 * MIB) == b"".join(pieces)


@pytest.mark.parametrize("in_blocks", METHODS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("length", [0, 14, 15, 16, 269, 270, 271, 5000])
def test_an_error_is_packed_as_an_answer_is(encoding: str, in_blocks: str | None, length: int) -> None:
    text = b"Code: 62. " * 500
    body = pack_error(text[:length], encoding or None, in_blocks)
    assert unpacked(body, encoding, in_blocks) == text[:length]
    if in_blocks and not encoding:
        assert text[:length] in body


def test_a_block_of_another_program_is_read() -> None:
    sql = b"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)"
    assert unpacked(FROM_JAVA, "", True) == sql


BOMBS = {
    "gzip": gzip.compress(bytes(64 * MIB)),
    "deflate": zlib.compress(bytes(64 * MIB)),
    "zstd": packed([bytes(64 * MIB)], "zstd", None),
    "lz4": lz4.frame.compress(bytes(64 * MIB)),
    "br": brotli.compress(bytes(64 * MIB), quality=5),
}


@pytest.mark.parametrize("encoding", CLICKHOUSE)
def test_a_bomb_is_left_at_the_limit(encoding: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(bodies.BodyTooLargeError, match=f"over {MIB} bytes"):
            unpacked(BOMBS[encoding], encoding, False, MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_blocks_that_unpack_to_more_than_may_be_are_left_at_the_limit() -> None:
    with pytest.raises(bodies.BodyTooLargeError, match=f"over {MIB} bytes"):
        unpacked(packed([bytes(64 * MIB)], "", "lz4"), "", True, MIB)


def test_a_block_that_says_it_is_larger_than_may_be_is_not_waited_for() -> None:
    with pytest.raises(bodies.BodyTooLargeError, match="block"):
        unpacked(bytes(16) + struct.pack("<BII", 0x82, 4 * MIB, 4 * MIB), "", True, MIB)


def test_what_waits_to_be_unpacked_has_the_same_limit_together() -> None:
    begun = blocks.pack(bytes(range(256)) * 4000)[:-1]

    async def two() -> None:
        budget = bodies.Budget(len(begun) * 3 // 2)
        gate = asyncio.Event()

        async def sent() -> AsyncIterator[bytes]:
            yield begun
            await gate.wait()

        make = partial(unpacker_of, served=CLICKHOUSE, blocks_of=4 * MIB)
        with budget.share() as first, budget.share() as second:
            waiting = asyncio.ensure_future(bodies.read(sent(), "", 4 * MIB, first, make))
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailableError):
                await bodies.read(stream(begun, MIB), "", 4 * MIB, second, make)
            gate.set()
            with pytest.raises(bodies.CorruptBodyError, match="middle of a compressed block"):
                await waiting

    asyncio.run(two())


@pytest.mark.parametrize(
    "change",
    [
        lambda block: block[:-1],
        lambda block: bytes([block[0] ^ 1]) + block[1:],
        lambda block: block[:-1] + bytes([block[-1] ^ 1]),
        lambda block: block + b"x",
        lambda block: bytes(25),
        lambda block: bytes(100),
        lambda block: b"SELECT 1" * 10,
    ],
)
def test_blocks_that_were_changed_or_cut_are_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises((bodies.CorruptBodyError, bodies.BodyTooLargeError)):
        unpacked(change(blocks.pack(b"SELECT 1")), "", True)


@pytest.mark.parametrize("encoding", CLICKHOUSE)
def test_a_body_that_is_cut_or_is_something_else_is_refused(encoding: str) -> None:
    whole = packed([b"SELECT 1" * 100], encoding, None)
    for wrong in (whole[:-1], whole[: len(whole) // 2], b"SELECT 1"):
        with pytest.raises(bodies.CorruptBodyError):
            unpacked(wrong, encoding, False)


def test_more_blocks_than_any_client_sends_are_refused() -> None:
    with pytest.raises(bodies.CorruptBodyError, match="16384"):
        unpacked(blocks.pack(b"x") * 16_385, "", True, size=MIB)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("lz4", "lz4"),
        ("lz4,zstd,br,gzip,deflate", "lz4"),
        ("gzip, deflate, br", "gzip"),
        ("xz, ZSTD;q=0.5", "zstd"),
        ("br;q=0, gzip", "gzip"),
        ("br; q=0.000, gzip; q=0.1", "gzip"),
        ("*", None),
    ],
)
def test_the_first_encoding_that_a_client_takes_and_we_have_is_chosen(accepted: str, encoding: str | None) -> None:
    assert encoding_for(accepted) == encoding
