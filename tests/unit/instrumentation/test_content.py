from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.emit.content import FULL_LIMIT, ContentRule, rendered
from rvbbit_otel.settings import Settings


def rule(content: Any, limit: int = 100) -> ContentRule:
    return ContentRule(Settings(content=content, content_limit=limit), Counters())


def test_content_is_off_by_default() -> None:
    assert ContentRule(Settings(), Counters()).text("a", "secret") is None


def test_full_content_stops_at_a_mebibyte() -> None:
    assert len(rule("full").text("a", "x" * (FULL_LIMIT + 1)) or "") == FULL_LIMIT


cycle: dict[str, Any] = {"name": "cycle"}
cycle["self"] = cycle
wide: list[Any] = []
wide += [wide, wide, wide]
deep: Any = "bottom"
for _ in range(10_000):
    deep = [deep]


class Hostile:
    def __repr__(self) -> str:
        raise AssertionError("asked")

    __str__ = __repr__


@pytest.mark.parametrize(
    "value",
    [
        "x" * 50_000_000,
        b"\xff\x00" * 25_000_000,
        ["x" * 50_000_000] * 3,
        {"k" * 50_000_000: 1},
        dict.fromkeys(range(100000), "v"),
        cycle,
        wide,
        deep,
        float("nan"),
        [float("inf"), float("nan"), 1e308],
        10**50_000,
        {("tuple", "key"): {1, 2}},
        "\ud800 surrogate",
        ["\ud800"],
        Hostile(),
        [Hostile()],
        object(),
        range(10**9),
        memoryview(b"abc"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_object_becomes_a_short_text_at_the_cost_of_its_limit(value: Any) -> None:
    tracemalloc.start()
    text = rule("truncated", 1000).text("a", value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text is not None
    assert len(text) <= 1000
    text.encode()
    assert peak < 1_000_000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_fits_is_the_json_of_the_value(value: Any) -> None:
    text = rendered(value, 1_000_000)
    if isinstance(value, str):
        assert text == value.encode("utf-8", "replace").decode()
    else:
        assert text == json.dumps(value, ensure_ascii=False)


def test_a_secret_cut_in_two_at_the_limit_is_still_redacted() -> None:
    ours = ContentRule(
        Settings(content="truncated", content_limit=10), Counters(), lambda name, text: text.replace("SECRET", "***")
    )
    assert ours.text("a", "12345 SECRET") == "12345 ***"


def test_a_redaction_hook_may_leave_a_text_out() -> None:
    assert ContentRule(Settings(content="full"), Counters(), lambda name, text: None).text("a", "x") is None
