"""Lists and maps as JSON text, as the collector's exporter would have written them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.otlp_values import VALUES, any_value, json_text

from rvbbit_otel.all_in_one.otlp import values
from rvbbit_otel.all_in_one.otlp.values import MalformedError, Structures, TooManyValuesError, fields, number_text

# What Go 1.26 prints for these, by encoding/json.
GO = [
    (1e21, "1e+21"),
    (1.5e300, "1.5e+300"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1e-6, "0.000001"),
    (9.99e-7, "9.99e-7"),
    (1e-7, "1e-7"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (100.0, "100"),
    (0.1, "0.1"),
    (-2.5, "-2.5"),
    (-0.0, "-0"),
    (0.0, "0"),
]


def of_list(value: list[Any]) -> tuple[str, Structures]:
    work = Structures()
    return work.rendered(any_value(value).array_value.SerializeToString(), is_map=False), work


@given(st.lists(VALUES, max_size=5))
def test_any_list_is_the_text_that_go_writes_and_readers_of_json_read(value: list[Any]) -> None:
    text, _ = of_list(value)
    assert text == json_text(value)
    json.loads(text)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), VALUES, max_size=5))
def test_any_map_is_sorted_by_key(value: dict[str, Any]) -> None:
    text = Structures().rendered(any_value(value).kvlist_value.SerializeToString(), is_map=True)
    assert text == json_text(value)


@pytest.mark.parametrize(("number", "text"), GO)
def test_numbers_are_written_as_go_writes_them(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_from_its_text(number: float) -> None:
    assert float(number_text(number)) == number


def test_numbers_that_are_none_are_texts_and_the_rest_of_the_list_is_kept() -> None:
    assert of_list([float("nan"), float("inf"), -float("inf"), 1])[0] == '["NaN","Infinity","-Infinity",1]'


def test_control_characters_and_line_separators_are_escaped_and_markup_is_not() -> None:
    assert of_list(['\x00\x08\x0c\n\r\t"\\/<&>\x7f\u2028\u2029é🦊'])[0] == (
        '["\\u0000\\b\\f\\n\\r\\t\\"\\\\/<&>\x7f\\u2028\\u2029é🦊"]'
    )


@pytest.mark.parametrize(
    ("text", "stored", "bad"),
    [
        (b"na\xffme", "na\ufffdme", 1),
        (b"half \xed\xa0\xbe", "half \ufffd", 1),
        (b"\xed\xa0\xbe\xed\xb6\x8a", "🦊", 1),  # Two halves, as Java writes them.
        (b"cut \xf0\x9f\xa6", "cut \ufffd", 1),
        ("é".encode(), "é", 0),
    ],
)
def test_a_text_that_is_no_utf_8_costs_itself(text: bytes, stored: str, bad: int) -> None:
    work = Structures()
    item = b"\x0a" + bytes([len(text)]) + text
    assert work.rendered(b"\x0a" + bytes([len(item)]) + item, is_map=False) == f'["{stored}"]'
    assert work.bad_texts == bad


@pytest.mark.parametrize("depth", [99, 100, 101, 5000])
def test_what_is_nested_too_deep_is_null(depth: int) -> None:
    inner = b""
    for _ in range(depth - 1):
        value = b"\x2a" + varint(len(inner)) + inner
        inner = b"\x0a" + varint(len(value)) + value
    work = Structures()
    kept = min(depth, 100)
    assert work.rendered(inner, is_map=False) == "[" * kept + ("null" if depth > 100 else "") + "]" * kept
    assert work.too_deep == (depth > 100)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05x",
        b"\x0a",
        b"\x0a\x80",
        b"\x08",
        b"\x08" + b"\x80" * 10 + b"\x01",
        b"\x09\x00",
        b"\x0d\x00",
        b"\x0f",
        b"\x00\x01",
        b"\x0c",
        b"\x0b\x08\x01",
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        list(fields(data))


def test_a_group_and_a_field_that_nobody_knows_are_passed_over() -> None:
    group = b"\xa3\x06\x08\x01\x0b\x0c\xa4\x06"
    assert [tag for tag, _, _ in fields(group + b"\x0a\x01x" + group)] == [0x0A]
    assert Structures().rendered(group + b"\x0a\x02\x10\x01\x78\x05", is_map=False) == "[true]"


def test_of_a_value_or_a_key_that_comes_twice_the_last_counts() -> None:
    pair = b"\x0a\x01k\x0a\x01m\x12\x02\x18\x05\x12\x04\x18\x06\x18\x07"
    assert Structures().rendered(b"\x0a" + bytes([len(pair)]) + pair, is_map=True) == '{"m":7}'
    twice = any_value({"a": 1}).kvlist_value.SerializeToString() + any_value({"a": 2}).kvlist_value.SerializeToString()
    assert Structures().rendered(twice, is_map=True) == '{"a":2}'


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (b"\x0a\x00" * 100, "MAX_FIELDS"),
        (b"\x78\x01" * 100, "MAX_FIELDS"),
        (b"\x0a\xc8\x01" + b"\x2a\x00" * 100, "MAX_FIELDS"),
        (b"\x0a\x66\x0a\x64" + b"\x01" * 100, "MAX_TEXT"),
    ],
    ids=["empty items", "unknown fields", "lists that are overwritten", "text that is escaped"],
)
def test_work_has_a_bound(data: bytes, most: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, most, 90 if most == "MAX_FIELDS" else 500)
    with pytest.raises(TooManyValuesError, match="send fewer"):
        Structures().rendered(data, is_map=False)
