"""Budgets on the real engine: whose calls each counts, in which hour, day or month, exactly; and what is only a lower bound says so."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.otlp import SpanRecord, Value, traces

from rvbbit_otel.storage.budget_file import read_budgets
from rvbbit_otel.storage.budgets import Spender, Usage, use_of

# The 10th of a month that is over, so that every hour, day and month around it is in one partition's reach.
AT = (datetime.now(timezone.utc).replace(day=1) - timedelta(days=3)).replace(
    day=10, hour=12, minute=30, second=0, microsecond=0
)


def call(number: int, caller: str, cost: str = "", tokens: int = 10, *, at: datetime = AT, **more: Value) -> SpanRecord:
    said: dict[str, Value] = {
        "session.id": f"s-{caller}",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": tokens - 1,
        "gen_ai.usage.output_tokens": 1,
    }
    if caller:
        said |= {"rvbbit.caller.id": caller, "rvbbit.caller.source": "explicit"}
    if cost:
        said["gen_ai.usage.cost"] = cost
    said |= {name.replace("__", "."): value for name, value in more.items()}
    return SpanRecord(number, said, at=int(at.timestamp()) * 10**9, took=10**6)


def caller(number: int, name: str, origin: str, **metadata: object) -> SpanRecord:
    """The root span of a caller, which has its metadata."""
    said: dict[str, Value] = {
        "rvbbit.kind": "caller",
        "rvbbit.caller.id": name,
        "rvbbit.caller.source": "explicit",
        "rvbbit.caller.origin": origin,
        "rvbbit.caller.metadata": json.dumps(metadata),
    }
    return SpanRecord(number, said, at=int(AT.timestamp()) * 10**9)


def used(store: Store, tmp_path: Path, *entries: str, at: datetime = AT) -> list[Usage]:
    file = tmp_path / "budgets.toml"
    file.write_text("\n".join(f'[[budget]]\nname = "b{number}"\n{entry}' for number, entry in enumerate(entries)))
    return use_of(store.engine, read_budgets(file), at)


@pytest.fixture
def spent(store: Store) -> Store:
    store.send(
        traces(
            caller(100, "web-1", "http", team="search", tier=1, live=True),
            caller(101, "web-2", "http", team="ads"),
            caller(102, "cron-1", "job", team="search"),
            call(1, "web-1", "0.1", rvbbit__cascade__id="extract_brand"),
            call(2, "web-1", "0.2", gen_ai__request__model="o3"),
            call(3, "web-2", "0.000000000001", rvbbit__cascade__id="summarize"),
            call(4, "cron-1", "5"),
            call(5, "", "7"),
            call(6, "web_1", "11"),
        )
    )
    return store


@pytest.mark.parametrize(
    ("entry", "cost", "calls"),
    [
        ("", "23.300000000001", 6),
        ('caller = "web-*"', "0.300000000001", 3),
        ('caller = "web?1"', "11.3", 3),
        ('caller = "web_1"', "11", 1),
        ('caller = "%"', "0", 0),
        ('caller = "WEB-1"', "0", 0),
        ('origin = "http"', "0.300000000001", 3),
        ('cascade = "extract_*"', "0.3", 2),
        ('cascade = "summ*"', "0.000000000001", 1),
        ('model = "o3"', "0.2", 1),
        ('metadata = { team = "search" }', "5.3", 3),
        ('metadata = { team = "search", tier = 1 }', "0.3", 2),
        ("metadata = { live = true }", "0.3", 2),
        ('metadata = { team = "sea" }', "0", 0),
        ('metadata = { "te\'am\\\\" = "x" }', "0", 0),
        ('caller = "web-*"\nmodel = "gpt-*"\norigin = "http"', "0.100000000001", 2),
    ],
)
def test_a_budget_counts_those_that_it_is_for_and_no_other(
    spent: Store, tmp_path: Path, entry: str, cost: str, calls: int
) -> None:
    # A session's rows that name no cascade are of the session's: web-1's second call, therefore, of extract_brand.
    (found,) = used(spent, tmp_path, f"{entry}\ndollars = 1")
    assert (found.cost, found.calls, found.tokens) == (Decimal(cost), calls, 10 * calls)


def test_those_that_spent_most_are_named_and_what_nobody_claims_is_nobodys(spent: Store, tmp_path: Path) -> None:
    (found,) = used(spent, tmp_path, "dollars = 1")
    assert found.spenders == (
        Spender("web_1", Decimal(11), 10),
        Spender("", Decimal(7), 10),
        Spender("cron-1", Decimal(5), 10),
        Spender("web-1", Decimal("0.3"), 20),
        Spender("web-2", Decimal("0.000000000001"), 10),
    )
    assert found.callers == 5


def test_a_limit_that_is_just_reached_is_not_passed(spent: Store, tmp_path: Path) -> None:
    entries = (
        'caller = "web-1"\ndollars = 0.3',
        'caller = "web-1"\ndollars = 0.299999999999',
        'caller = "web-1"\ntokens = 20',
        'caller = "web-1"\ntokens = 19\ndollars = 0',
    )
    assert [(each.over, each.state) for each in used(spent, tmp_path, *entries)] == [
        ((), "within"),
        (("dollars",), "over"),
        ((), "within"),
        (("dollars", "tokens"), "over"),
    ]


def test_each_window_holds_what_was_begun_in_it(store: Store, tmp_path: Path) -> None:
    hour = AT.replace(minute=0)
    day = hour.replace(hour=0)
    month = day.replace(day=1)
    moments = (
        hour,
        hour - timedelta(seconds=1),
        hour + timedelta(hours=1),
        day,
        day - timedelta(seconds=1),
        month,
        month - timedelta(seconds=1),
    )
    store.send(traces(*(call(number, "web-1", f"{10**number}", at=at) for number, at in enumerate(moments))))
    entries = tuple(f"{per}dollars = 1" for per in ('per = "hour"\n', 'per = "day"\n', 'per = "month"\n', ""))
    # In all: what was until that moment, so not what came an hour later.
    found = [int(each.cost) for each in used(store, tmp_path, *entries)]
    assert found == [
        1,
        1 + 10 + 100 + 1000,
        1 + 10 + 100 + 1000 + 10_000 + 100_000,
        1 + 10 + 1000 + 10_000 + 100_000 + 1_000_000,
    ]
    (_, _, monthly, _) = used(store, tmp_path, *entries)
    december = monthly.budget.window(datetime(2025, 12, 31, 23, 59, tzinfo=timezone.utc))
    assert december == (datetime(2025, 12, 1, tzinfo=timezone.utc), datetime(2026, 1, 1, tzinfo=timezone.utc))


def test_calls_without_a_price_make_it_a_lower_bound(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, "web-1", "2"), call(2, "web-1", "", tokens=500, gen_ai__request__model="nobody-knows")))
    over, unknown, tokens = used(store, tmp_path, "dollars = 1", "dollars = 3", "tokens = 510")
    assert [
        (each.state, each.is_lower_bound, each.open_calls, each.open_tokens) for each in (over, unknown, tokens)
    ] == [
        ("over", True, 1, 500),
        ("unknown", True, 1, 500),
        ("within", True, 1, 500),
    ]
    assert (over.cost, over.tokens) == (Decimal(2), 510)


def test_a_call_that_two_tell_of_is_spent_once(store: Store, tmp_path: Path) -> None:
    trace = (3).to_bytes(16, "big")
    first = call(1, "web-1", "2")
    twins = [SpanRecord(number, first.attributes, at=first.at, took=first.took, trace=trace) for number in (1, 2)]
    store.send(traces(twins[0], scope_name="one") + traces(twins[1], scope_name="two"))
    (found,) = used(store, tmp_path, "dollars = 1")
    assert (found.cost, found.calls, found.tokens) == (Decimal(2), 1, 10)


def test_nothing_spent_is_nothing(store: Store, tmp_path: Path) -> None:
    (found,) = used(store, tmp_path, "dollars = 0")
    assert (found.cost, found.tokens, found.calls, found.spenders, found.state) == (Decimal(0), 0, 0, (), "within")
