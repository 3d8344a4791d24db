"""Numbers of every kind that a call may say it used, and those that can't be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, runners
from rvbbit_otel.instrumentation.emit.usage import UsageReader

TWELVE: list[Any] = [
    12,
    12.0,
    "12",
    " 12.0 ",
    "1.2e1",
    Decimal(12),
    Decimal("12.00"),
    Fraction(24, 2),
    np.int64(12),
    np.uint8(12),
    np.float32(12),
    np.longdouble(12),
    np.array(12),
]
IMPOSSIBLE: list[Any] = [
    True,
    False,
    np.bool_(True),
    np.array(True),
    -1,
    "-1",
    float("nan"),
    "nan",
    Decimal("sNaN"),
    float("inf"),
    "Infinity",
    10**13,
    "1e999999999",
    np.float64(1e300),
    Fraction(10**40),
    "twelve",
    "9" * 65,
    [12],
    {"total": 12},
    b"12",
    pytest.param(MagicMock(), id="a mock"),
]


def read(**values: Any) -> tuple[dict[str, Any], dict[str, int]]:
    counters = Counters()
    return UsageReader(counters).read(values), counters.snapshot()


@pytest.mark.parametrize("value", TWELVE, ids=repr)
def test_a_number_of_any_kind_is_tokens_and_dollars(value: Any) -> None:
    used, refused = read(tokens_in=value, tokens_reasoning=value, cost=value)
    assert used == {
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "rvbbit.usage.cost": 12.0,
    }
    # OTLP takes Python's own, and refuses a NumPy number for a span as a whole.
    assert [type(number) for number in used.values()] == [int, int, float]
    assert refused == {}


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda value: repr(value)[:30])
def test_a_number_that_can_not_be_is_refused_and_counted_once(value: Any) -> None:
    used, refused = read(tokens_out=value, cost=value, tokens_in=3)
    assert used == {"gen_ai.usage.input_tokens": 3}
    assert refused == {"invalid_usage.tokens_out": 1, "invalid_usage.cost": 1}


def test_the_limits_themselves_are_possible_and_what_is_just_over_is_not() -> None:
    assert read(tokens_in=10**12, cost=1_000_000) == (
        {"gen_ai.usage.input_tokens": 10**12, "rvbbit.usage.cost": 1e6},
        {},
    )
    assert read(tokens_in=10**12 + 1, cost="1000000.01") == (
        {},
        {"invalid_usage.tokens_in": 1, "invalid_usage.cost": 1},
    )
    assert read(tokens_in=12.5, cost=12.5) == ({"rvbbit.usage.cost": 12.5}, {"invalid_usage.tokens_in": 1})
    assert str(read(cost=-0.0, tokens_in=-0.0)) == "({'gen_ai.usage.input_tokens': 0, 'rvbbit.usage.cost': 0.0}, {})"


@pytest.mark.parametrize(
    ("value", "dollars"), [(Decimal("0.00022"), 0.00022), (Fraction(11, 50000), 0.00022), ("2.2e-4", 0.00022)]
)
def test_a_decimal_price_is_the_number_that_it_reads_as(value: Any, dollars: float) -> None:
    assert read(cost=value) == ({"rvbbit.usage.cost": dollars}, {})


def test_nothing_said_is_nothing_refused() -> None:
    assert read(tokens_in=None, model="m") == ({}, {})


def test_each_field_is_logged_once_and_never_what_a_text_says(caplog: pytest.LogCaptureFixture) -> None:
    reader = UsageReader(Counters())
    with caplog.at_level(logging.WARNING, "rvbbit_otel"):
        for value in (-1, -2, "the user's words"):
            reader.read({"tokens_in": value})
        reader.read({"cost": "the user's words"})
    assert [record.getMessage() for record in caplog.records] == [
        "rvbbit-otel: tokens_in can't be -1, and was left out; later ones like it are only counted",
        "rvbbit-otel: cost can't be a str, and was left out; later ones like it are only counted",
    ]


def test_a_row_with_a_refused_cost_keeps_its_tokens_and_takes_the_price_that_comes_later(traced: Traced) -> None:
    toy.Job("s-1", "sql-1")
    toy.log("s-1", "assistant", request_id="r-1", tokens_in=np.int64(7), cost=float("nan"))
    toy.price("r-1", -3)
    toy.price("r-1", Decimal("0.25"), "7")
    row, late = (dict(traced.named(f"log {role}").attributes or {}) for role in ("assistant", "usage"))
    told = ("gen_ai.usage.input_tokens", "rvbbit.usage.cost", "rvbbit.usage.counted", "gen_ai.response.id")
    assert [row.get(name) for name in told] == [7, None, True, "r-1"]
    assert [late.get(name) for name in told] == [None, 0.25, True, "r-1"]
    counts = traced.ours.counters.snapshot()
    assert {name: n for name, n in counts.items() if name.startswith("invalid_")} == {"invalid_usage.cost": 2}


ALL = {
    "model": "model",
    "response_id": "result.id",
    "tokens_in": "result.in",
    "tokens_out": "result.out",
    "tokens_cached": "result.cached",
    "tokens_cache_write": "result.written",
    "tokens_reasoning": "result.thought",
    "cost": "result.dollars",
}
ANSWER = {"id": "chatcmpl-1", "in": 100, "out": 30, "cached": 80, "written": 5, "thought": 20, "dollars": 0.5}
TOLD = {
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.usage.cache_read.input_tokens": 80,
    "gen_ai.usage.cache_creation.input_tokens": 5,
    "gen_ai.usage.reasoning.output_tokens": 20,
    "rvbbit.usage.cost": 0.5,
}


def told(attributes: Any) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name in TOLD}


@pytest.mark.parametrize("role", [Role.LLM, Role.LOG])
def test_what_providers_tell_more_is_on_the_row(
    role: Role, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook(role, f"{toy.MODULE}:complete", ALL, accounts=True)
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", (hook,)),))
    traced = instrumented()
    toy.complete("m", lambda: ANSWER)
    (span,) = traced.spans
    assert told(span.attributes) == TOLD
    assert (span.attributes or {})["rvbbit.usage.counted"] is True


def test_a_late_usage_tells_what_its_row_did_not_and_names_the_same_response(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {name: path for name, path in ALL.items() if name != "response_id"}
    row = {name: name for name in ("session_id", "role", "request_id", "tokens_in", "tokens_cached")}
    hooks = (
        Hook(Role.LOG, f"{toy.MODULE}:log", row, accounts=True),
        Hook(Role.USAGE, f"{toy.MODULE}:complete", {**late, "request_id": "model", "model": "result.model"}),
    )
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", hooks),))
    traced = instrumented()
    toy.log("s-1", "assistant", request_id="chatcmpl-1", tokens_in=100, tokens_cached=80)
    toy.complete("chatcmpl-1", lambda: ANSWER)
    first, second = traced.spans
    assert told(first.attributes) == {
        name: TOLD[name]
        for name in ("gen_ai.response.id", "gen_ai.usage.input_tokens", "gen_ai.usage.cache_read.input_tokens")
    }
    # The row told tokens: those out would be of another count. What it did not tell at all is told now.
    assert told(second.attributes) == {
        name: TOLD[name]
        for name in (
            "gen_ai.response.id",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.reasoning.output_tokens",
            "rvbbit.usage.cost",
        )
    }


def test_usage_that_the_arguments_say_is_usage_of_a_call_that_returned(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook(Role.LLM, f"{toy.MODULE}:price", {"tokens_in": "tokens", "cost": "cost"}, accounts=True)
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", (hook,)),))
    traced = instrumented()
    toy.price("r-1", 0.5, 7)
    assert told(traced.named("chat").attributes) == {"gen_ai.usage.input_tokens": 7, "rvbbit.usage.cost": 0.5}
