from __future__ import annotations

import io
import struct
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_rvbbit import pgmessages as pg

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def bind_body(values: list[bytes | None], formats: list[int], results: list[int] | None = None) -> bytes:
    body = b"portal\0statement\0" + struct.pack(f">h{len(formats)}h", len(formats), *formats)
    body += struct.pack(">h", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    results = results or []
    return body + struct.pack(f">h{len(results)}h", len(results), *results)


def bound(body: bytes, oids: list[int]) -> list[object]:
    found = pg.bind(body, {"statement": ("SELECT 1", oids)})
    assert (found.portal, found.statement) == ("portal", "statement")
    return found.parameters


@given(st.lists(st.none() | TEXTS, max_size=5))
def test_text_parameters_arrive_as_they_were_sent(values: list[str | None]) -> None:
    assert bound(bind_body([None if v is None else v.encode() for v in values], []), []) == values


@pytest.mark.parametrize(
    ("oid", "data", "value"),
    [
        (16, b"\1", True),
        (20, struct.pack(">q", -(2**62)), -(2**62)),
        (21, struct.pack(">h", -3), -3),
        (23, struct.pack(">i", 41), 41),
        (701, struct.pack(">d", 2.5), 2.5),
        (25, "ä".encode(), "ä"),
        (0, b"unknown", "unknown"),
    ],
)
def test_a_binary_parameter_arrives_as_its_value(oid: int, data: bytes, value: object) -> None:
    assert bound(bind_body([data], [1]), [oid]) == [value]


def test_one_format_for_all_parameters_and_one_for_each() -> None:
    four = struct.pack(">i", 4)
    assert bound(bind_body([four, four], [1]), [23, 23]) == [4, 4]
    assert bound(bind_body([four, b"four"], [1, 0]), [23, 25]) == [4, "four"]


@pytest.mark.parametrize(
    ("body", "oids", "state"),
    [
        (bind_body([struct.pack(">q", 1)], [1]), [1114], "0A000"),
        (bind_body([], [], [1]), [], "0A000"),
        (b"portal\0other\0" + b"\0" * 6, [], "26000"),
    ],
)
def test_what_is_not_served_is_an_error_rather_than_a_wrong_value(body: bytes, oids: list[int], state: str) -> None:
    with pytest.raises(pg.QueryError) as raised:
        bound(body, oids)
    assert raised.value.state == state


@pytest.mark.parametrize("length", [-1, 0, 3, pg.LONGEST + 1])
def test_a_length_that_cannot_be_one_is_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(pg.QueryError, match=f"a message of {length} bytes"):
        pg.read(cast(io.BufferedIOBase, io.BytesIO(b"Q" + struct.pack(">i", length))))


@given(st.binary(min_size=1, max_size=40))
def test_a_message_that_ends_early_is_a_client_that_left(body: bytes) -> None:
    whole = pg.message(b"Q", body)
    assert pg.read(cast(io.BufferedIOBase, io.BytesIO(whole))) == (b"Q", body)
    for end in range(len(whole)):
        with pytest.raises(EOFError):
            pg.read(cast(io.BufferedIOBase, io.BytesIO(whole[:end])))


def test_a_row_is_text_as_postgres_writes_it() -> None:
    values = [None, True, False, 1.5, float("inf"), float("nan"), b"\x01\xff", "ä", 7]
    shown = [None, b"t", b"f", b"1.5", b"Infinity", b"NaN", b"\\x01ff", "ä".encode(), b"7"]
    cells = b"".join(struct.pack(">i", -1) if cell is None else struct.pack(">i", len(cell)) + cell for cell in shown)
    assert pg.data_row(values) == pg.message(b"D", struct.pack(">h", len(values)) + cells)
