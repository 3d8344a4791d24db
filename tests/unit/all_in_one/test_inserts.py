"""The head of an INSERT: what is put together from it, and what is refused."""

from __future__ import annotations

import pytest

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.statements.inserts import Insert, is_insert, read_insert


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"INSERT INTO otel_traces_in FORMAT Native\nDATA", Insert("otel_traces_in", [], "Native", b"DATA")),
        (b"insert into otel_traces_in format Native\r\nDATA", Insert("otel_traces_in", [], "Native", b"DATA")),
        (b"\n INSERT INTO TABLE otel_logs_in FORMAT CSV 1,2", Insert("otel_logs_in", [], "CSV", b"1,2")),
        (
            b'INSERT INTO `default`."otel_traces_in" (`SpanName`,TraceId , `Events.Name`, Links.TraceId) FORMAT JSONEachRow\n{}',
            Insert("otel_traces_in", ["SpanName", "TraceId", "Events.Name", "Links.TraceId"], "JSONEachRow", b"{}"),
        ),
        (
            b"INSERT INTO otel_logs_in (Body) SETTINGS async_insert=1, insert_deduplication_token='a b', x = -1.5 FORMAT RowBinary\n\x00\n\xff",
            Insert("otel_logs_in", ["Body"], "RowBinary", b"\x00\n\xff"),
        ),
        (b"INSERT INTO otel_logs_in FORMAT TSV", Insert("otel_logs_in", [], "TSV", b"")),
        (b"INSERT INTO otel_logs_in(Body)FORMAT TSV\n\n", Insert("otel_logs_in", ["Body"], "TSV", b"\n")),
    ],
)
def test_a_head_is_read_and_what_follows_is_its_data(text: bytes, read: Insert) -> None:
    assert is_insert(text)
    assert read_insert(text) == read


@pytest.mark.parametrize(
    "head",
    [
        "INSERT",
        "INSERT INTO",
        "INSERT INTO otel_traces_in",
        "INSERT INTO unified_logs FORMAT Native\n",
        "INSERT INTO otel_traces_in VALUES (1)",
        "INSERT INTO otel_traces_in FORMAT Values (1)",
        "INSERT INTO otel_traces_in FORMAT Template\n",
        "INSERT INTO otel_traces_in FORMAT Arrow\n",
        "INSERT INTO otel_traces_in SELECT file('/etc/hostname') FORMAT Native\n",
        "INSERT INTO otel_traces_in (SpanName) SELECT 1 FORMAT Native\n",
        "INSERT INTO otel_traces_in FROM INFILE '/etc/hostname' FORMAT CSV\n",
        "INSERT INTO otel_traces_in SETTINGS a = (SELECT 1) FORMAT Native\n",
        "INSERT INTO otel_traces_in SETTINGS a = 'x\\' FORMAT Native\n",
        "INSERT INTO otel_traces_in (* EXCEPT SpanName) FORMAT Native\n",
        "INSERT INTO otel_traces_in (`a``b`) FORMAT Native\n",
        "INSERT INTO otel_traces_in (`a) FORMAT Native\n`",
        "INSERT INTO otel_traces_in (a b) FORMAT Native\n",
        "INSERT INTO otel_traces_in () FORMAT Native\n",
        "INSERT INTO FUNCTION file('x', CSV, 'a UInt8') FORMAT CSV\n",
        "INSERT INTO a.b.otel_traces_in FORMAT CSV\n",
        "INSERTINTO otel_traces_in FORMAT CSV\n",
        "INSERT INTO otel_traces_in FORMAT CSV/**/",
        "INSERT/**/INTO otel_traces_in FORMAT CSV\n",
        "INSERT INTO otel_traces_in (" + "a," * 20_000,
    ],
)
def test_anything_else_is_refused(head: str) -> None:
    assert is_insert(head.encode())
    with pytest.raises(EngineError, match=r"Code: 497\."):
        read_insert(head.encode())


@pytest.mark.parametrize("text", [b"", b"SELECT 1", b"/* */ INSERT INTO x", b"WITH 1 AS x INSERT INTO y", b"inser"])
def test_what_does_not_begin_with_the_word_is_no_insert(text: bytes) -> None:
    assert not is_insert(text)
