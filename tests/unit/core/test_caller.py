from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.attribution.caller import MAX_METADATA_BYTES, Caller, parse_caller_id, parse_session_id
from rvbbit_otel.errors import InvalidIdError


@pytest.mark.parametrize("text", ["sql-clever-fox-abc123", "a", "A_b.c:d-1", "x" * 128])
def test_a_caller_id_of_the_format_is_taken_as_it_is(text: str) -> None:
    assert parse_caller_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 129, "a b", "a\x1b[31m", "ä", "a,b", "a=b", "a\n", None, 7, b"a"])
def test_a_caller_id_outside_the_format_is_refused(text: object) -> None:
    with pytest.raises(InvalidIdError, match="caller id"):
        parse_caller_id(text)


@pytest.mark.parametrize("text", ["s", "session/1 ä", "x" * 256])
def test_a_session_id_may_hold_anything_but_control_characters(text: str) -> None:
    assert parse_session_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 257, "a\tb", "a\x00", "\x7f", "a\x9b", None, 3])
def test_a_broken_session_id_is_refused(text: object) -> None:
    with pytest.raises(InvalidIdError, match="session id"):
        parse_session_id(text)


def test_a_long_bad_id_is_shown_cut_in_the_error() -> None:
    with pytest.raises(InvalidIdError) as raised:
        parse_caller_id("x" * 10_000_000)
    assert len(str(raised.value)) < 250


def test_the_origin_comes_from_the_metadata_unless_it_is_given() -> None:
    assert Caller.of("a", {"origin": "sql"}).origin == "sql"
    assert Caller.of("a", {"origin": "sql"}, "cli").origin == "cli"
    assert Caller.of("a").origin == "unknown"


def test_metadata_as_json_text_and_as_a_mapping_give_the_same_digest() -> None:
    metadata = {"b": 1, "a": [1, {"x": None}], "origin": "sql"}
    assert Caller.of("a", metadata).digest == Caller.of("a", json.dumps(metadata)).digest
    assert Caller.of("a", metadata).metadata == metadata


def test_metadata_that_is_not_json_is_kept_as_text() -> None:
    assert Caller.of("a", "{not json").metadata == {"unreadable": "{not json"}
    assert Caller.of("a", "[1]").metadata == {"unreadable": "[1]"}


def test_metadata_of_ten_megabytes_is_cut_and_says_so() -> None:
    small = Caller.of("a", {"sql_query": "x" * 10_000_000, "origin": "sql"})
    assert small.metadata == {"truncated": True, "sql_query": "x" * 1024, "origin": "sql"}
    assert Caller.of("a", "[" * 10_000_000).metadata == {"truncated": True, "size": 10_000_000}


def test_a_value_that_json_cannot_say_costs_no_other_value() -> None:
    cycle: dict[str, object] = {}
    cycle["self"] = cycle
    caller = Caller.of("a", {"cycle": cycle, "nan": float("nan"), "surrogate": "\ud800", "origin": "sql"})
    assert caller.metadata["origin"] == "sql"
    assert caller.metadata["nan"] == "nan"
    assert caller.metadata["surrogate"] == "?"
    assert set(caller.metadata) == {"cycle", "nan", "surrogate", "origin"}


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.one_of(st.dictionaries(st.text() | st.integers(), _json), _json))
def test_any_metadata_gives_a_caller_with_bounded_readable_json(metadata: object) -> None:
    caller = Caller.of("a", metadata)
    assert len(caller.metadata_json.encode()) <= MAX_METADATA_BYTES
    assert isinstance(json.loads(caller.metadata_json), dict)
    assert len(caller.digest) == 12
