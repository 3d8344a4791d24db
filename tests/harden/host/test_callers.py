"""Figure 20, in the host: any caller id and metadata. An id is taken as it is or not at all; metadata is 16 KiB of JSON at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies
from opentelemetry.context import Context, attach
from tests.harden.host.mutations import lines, mutated

from rvbbit_otel import called_by, current_caller
from rvbbit_otel.attribution.caller import MAX_METADATA_BYTES, Caller
from rvbbit_otel.errors import InvalidIdError


class Silent:
    """Can't say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


_NUMBERS = strategies.integers() | strategies.floats(allow_nan=False, allow_infinity=False)
_PLAIN = strategies.none() | strategies.booleans() | strategies.text(max_size=30) | _NUMBERS
_KEYS = strategies.text(max_size=8)
_JSON = strategies.recursive(
    _PLAIN,
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)
_NO_JSON = strategies.binary(max_size=30) | strategies.floats() | strategies.builds(object) | strategies.just(...)
_ODD = _JSON | _NO_JSON | strategies.sets(strategies.integers())


def made(caller_id: object, metadata: object) -> Caller | None:
    try:
        caller = Caller.of(caller_id, metadata)
    except InvalidIdError:
        return None
    assert caller.id == caller_id and 0 < len(caller.id) <= 128 and caller.id.isascii()
    assert len(caller.metadata_json.encode()) <= MAX_METADATA_BYTES
    assert isinstance(json.loads(caller.metadata_json), dict) and len(caller.digest) == 12
    return caller


def test_ids_that_are_nearly_right(seed: int, sized: Callable[[int, int], int]) -> None:
    number = sized(50_000, 5_000)
    taken = sum(made(text, None) is not None for text in mutated(lines("callers.txt"), number, seed))
    assert 0 < taken < number


def test_metadata_of_json_is_kept_as_it_is(explore: Callable[..., int], sized: Callable[[int, int], int]) -> None:
    def check(metadata: dict[str, Any]) -> None:
        caller = made("web-1", metadata)
        assert caller is not None
        text = json.dumps(metadata)
        by_text = made("web-1", text)
        if len(text) <= MAX_METADATA_BYTES and "\\ud" not in text:
            assert caller.metadata == metadata
            assert by_text is not None and by_text.metadata == metadata

    assert (
        explore(strategies.dictionaries(strategies.text(max_size=8), _JSON, max_size=5), check, sized(3_000, 300)) > 0
    )


def test_metadata_of_any_kind_raises_nothing(explore: Callable[..., int], sized: Callable[[int, int], int]) -> None:
    attach(Context())
    keys = _KEYS | strategies.integers() | strategies.binary(max_size=4)
    odd = strategies.dictionaries(keys, _ODD, max_size=4)

    def check(metadata: Any) -> None:
        assert made("web-1", metadata) is not None
        with called_by("web-1", metadata):
            known = current_caller()
            assert known is not None and known.id == "web-1"

    assert explore(odd | _ODD, check, sized(3_000, 300)) > 0


def test_texts_that_are_nearly_json(seed: int, sized: Callable[[int, int], int]) -> None:
    number = sized(20_000, 2_000)
    assert sum(made("web-1", text) is not None for text in mutated(lines("callers.txt"), number, seed)) == number


def test_what_cant_be_said_costs_itself(seed: int) -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for value in (
        Silent(),
        endless,
        deep,
        {"a": Silent()},
        {Silent(): 1},
        "\ud83d",
        {"\ud83d": "\ud83d"},
        {"n": 10**5000},
        "[" * 100_000,
    ):
        attach(Context())
        with called_by("web-1", {"kept": 1, "odd": value}):
            known = current_caller()
            assert known is None or known.id == "web-1"
        with called_by("web-1", value):
            known = current_caller()
            assert known is None or known.id == "web-1"
