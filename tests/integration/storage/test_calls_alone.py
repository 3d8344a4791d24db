"""A block in which nobody tells of another's call takes the short way, and comes out as by the whole rule (ADR 47)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.conftest import Store
from tests.integration.storage.test_one_call_once import Told, priced
from tests.support.otlp import Value

ROWS = """
    SELECT name, usage_counted, tokens_in, tokens_out, toString(cost), cost_source, toString(told_cost)
    FROM unified_logs WHERE service_name = 'app' ORDER BY name
"""
KEPT = """
    SELECT call, counted_in, counted_out, counted_cost, beside, replaces FROM calls_told
    WHERE key IN (SELECT cityHash64('session', 'run-1', 'web-1')) ORDER BY call
"""
# Two scopes tell of one call, elsewhere: with them in it a block goes by the whole rule.
CONTESTED = [
    replace(Told(name, name, 50, 51), trace=99, session="other", caller="web-9", service="elsewhere")
    for name in ("x", "y")
]


def calls(seed: int) -> list[Told]:
    """Calls of one scope, one after the other: with and without a response id, a price, tokens, a known model."""
    draw = random.Random(seed)
    spans = []
    for number in range(draw.randint(1, 6)):
        more: dict[str, Value] = {}
        if draw.random() < 0.6:
            more["gen_ai.response.id"] = draw.choice([f"chatcmpl-A7f3kD9sWq2LmN{seed}-{number}", f"r{number}"])
        if draw.random() < 0.3:
            more["gen_ai.request.model"] = "m-2"  # Which has no price.
        if draw.random() < 0.3:
            more["gen_ai.usage.cache_read.input_tokens"] = 3
        tokens = draw.choice([(100, 20), (0, 0), (7, 0), None, (draw.randint(1, 500), draw.randint(0, 99))])
        cost = draw.choice([None, None, 0.0, 0.25, 1e-9])
        spans.append(
            Told(
                f"c{number}",
                "openai",
                number * 2,
                number * 2 + 1,
                tokens,
                cost=cost,
                more=more,
                trace=draw.choice([7, 8]),
            )
        )
    return spans


def body(spans: Sequence[Told]) -> bytes:
    return b"".join(span.body() for span in spans)


@pytest.fixture
def short(store: Store) -> Store:
    """A store without the whole rule: what is a row here took the short way."""
    priced(store)
    store.engine.command("DROP VIEW spans_told_mv")
    return store


def test_what_takes_the_short_way_counts_as_by_the_whole_rule(short: Store, whole: Store) -> None:
    for seed in range(12):
        spans = calls(seed)
        for store, block in ((short, spans), (whole, [*spans, *CONTESTED])):
            store.engine.command(f"USE {store.name}")
            for table in ("unified_logs", "calls_told", "otel_traces"):
                store.engine.command(f"TRUNCATE TABLE {table}")
            store.send(body(block))
        found = []
        for store in (short, whole):
            store.engine.command(f"USE {store.name}")
            found.append((store.rows(ROWS), store.rows(KEPT)))
        assert len(found[0][0]) == len(spans)
        assert found[0] == found[1], seed


@pytest.fixture
def whole(store: Store) -> Store:
    from rvbbit_otel.storage.migrations import apply

    second = Store(store.engine)
    apply(second.engine)
    priced(second)
    return second


@pytest.mark.parametrize(
    "second",
    [
        Told("gateway", "proxy", 0.2, 0.8, within="c0", service="gateway"),
        Told("retry", "openai", 0, 9),
        Told("again", "openai", 0.5, 1.5, trace=3),
        Told("alike", "other", 0.1, 0.9, trace=4),
        replace(
            Told("same-id", "openai", 60, 61, trace=5, more={"gen_ai.response.id": "chatcmpl-A7f3kD9sWq2LmN"}),
            session="s2",
        ),
    ],
    ids=lambda told: told.name,
)
@pytest.mark.parametrize("together", [True, False])
def test_what_may_be_another_tellers_does_not(short: Store, second: Told, together: bool) -> None:
    first = Told("c0", "openai", 0, 1, more={"gen_ai.response.id": "chatcmpl-A7f3kD9sWq2LmN"})
    if second.name == "again":
        second = replace(second, name="c0", trace=first.trace, start=0, end=1)  # The very span, sent again.
    if together:
        short.send(body([first, second]))
        assert short.rows(ROWS) == []
    else:
        short.send(body([first]), body([second]))
        assert [row[0] for row in short.rows(ROWS)] == ["c0"]
        assert short.one("SELECT count() FROM unified_logs") == 1
