"""A call that states tokens and no cost gets its price: by the published table, or by the user's; exactly, and anew where one changes (ADR 18)."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, traces

from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.price_table import OwnPrice, read_prices
from rvbbit_otel.storage.prices import apply, changes, price_new

CALLER: dict[str, Value] = {"rvbbit.caller.id": "web-1", "rvbbit.caller.source": "explicit", "session.id": "s1"}
COST = "SELECT model, toString(cost), cost_source FROM unified_logs ORDER BY model, told_tokens_in"
PUBLISHED = r"computed genai-prices \d+\.\d+\.\d+"


def call(number: int, model: str, tokens_in: int, tokens_out: int, **more: Value) -> SpanRecord:
    usage: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
        "rvbbit.cascade.id": "c1",
    }
    return SpanRecord(number, {**CALLER, **usage, **{name.replace("__", "."): value for name, value in more.items()}})


def own(tmp_path: Path, text: str) -> list[OwnPrice]:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return read_prices(file)


def costs(store: Store) -> list[tuple[str, str]]:
    return [(str(model), str(cost)) for model, cost, _ in store.rows(COST)]


def test_a_model_met_for_the_first_time_is_priced_once_it_is_looked_for(store: Store) -> None:
    store.send(traces(call(1, "gpt-4o-mini", 1_000_000, 1_000_000), call(2, "nobody-knows", 5, 5)))
    assert store.rows(COST) == [("gpt-4o-mini", "0", "unpriced"), ("nobody-knows", "0", "unpriced")]
    assert price_new(store.engine) == [("openai", "nobody-knows")]
    assert costs(store) == [("gpt-4o-mini", "0.75"), ("nobody-knows", "0")]
    assert store.rows(
        "SELECT match(cost_source, '^computed genai-prices [0-9.]+$') FROM unified_logs WHERE cost > 0"
    ) == [(True,)]
    assert store.rows("SELECT caller_id, toString(cost), tokens_in FROM cascade_sessions") == [
        ("web-1", "0.75", 1_000_005)
    ]
    # From now on at insert.
    store.send(traces(call(3, "gpt-4o-mini", 10, 0)))
    assert costs(store) == [("gpt-4o-mini", "0.0000015"), ("gpt-4o-mini", "0.75"), ("nobody-knows", "0")]
    assert price_new(store.engine) == []


def test_tokens_of_the_cache_have_their_own_price_among_those_that_went_in_or_beside_them(store: Store) -> None:
    cached: dict[str, Value] = {"gen_ai__usage__cache_read__input_tokens": 400_000}
    store.send(traces(call(1, "gpt-4o", 1_000_000, 0, **cached), call(2, "gpt-4o", 100_000, 0, **cached)))
    price_new(store.engine)
    # 2.5 dollars a million in, 1.25 from the cache.
    assert costs(store) == [("gpt-4o", "0.75"), ("gpt-4o", "2")]


def test_at_insert_and_later_a_call_costs_the_same(store: Store) -> None:
    more: dict[str, Value] = {
        "gen_ai__usage__cache_read__input_tokens": 300,
        "gen_ai__usage__cache_creation__input_tokens": 20,
        "gen_ai__usage__reasoning__output_tokens": 7,
    }
    sizes = [(1, 0), (1000, 33), (90, 5), (300_001, 12)]
    store.send(traces(*(call(number, "claude-sonnet-4-5", *size, **more) for number, size in enumerate(sizes))))
    price_new(store.engine, [])
    late = costs(store)
    store.engine.command("TRUNCATE TABLE unified_logs")
    store.engine.command("TRUNCATE TABLE calls_told")
    store.send(traces(*(call(number, "claude-sonnet-4-5", *size, **more) for number, size in enumerate(sizes))))
    assert (costs(store), len(late)) == (late, 4)


def test_a_price_of_the_users_holds_from_its_day_on_and_shows_first_what_it_changes(
    store: Store, tmp_path: Path
) -> None:
    day = NOW - NOW % (86_400 * 10**9)
    before = SpanRecord(9, call(9, "gpt-4o", 1_000_000, 0).attributes, at=day - 10**9)
    store.send(traces(before, call(1, "gpt-4o", 2_000_000, 0), call(2, "mine-7b", 1_000_000, 0)))
    price_new(store.engine)
    today = str(store.one(f"SELECT toString(toDate(fromUnixTimestamp64Nano(toInt64({day}))))"))
    mine = own(
        tmp_path,
        f'[[price]]\nmodel = "GPT-4o"\ninput = 1.0\nsince = {today}\n[[price]]\nmodel = "mine-*"\ninput = 0.000001\n',
    )
    assert [(c.model, c.calls, c.calls_unpriced, c.cost_now, c.cost_then) for c in changes(store.engine, mine)] == [
        ("gpt-4o", 2, 0, Decimal("7.5"), Decimal("4.5")),
        ("mine-7b", 1, 1, Decimal(0), Decimal("0.000001")),
    ]
    assert costs(store) == [("gpt-4o", "2.5"), ("gpt-4o", "5"), ("mine-7b", "0")]
    assert apply(store.engine, mine) == 2
    assert costs(store) == [("gpt-4o", "2.5"), ("gpt-4o", "2"), ("mine-7b", "0.000001")]
    assert store.one("SELECT toString(sum(cost)) FROM cascade_sessions") == "4.500001"
    assert (apply(store.engine, mine), changes(store.engine, mine)) == (0, [])


def test_a_stated_cost_is_never_computed_over(store: Store) -> None:
    store.send(traces(call(1, "gpt-4o", 1_000_000, 0, gen_ai__usage__cost=0.1), call(2, "gpt-4o", 10, 0)))
    price_new(store.engine)
    assert costs(store) == [("gpt-4o", "0.000025"), ("gpt-4o", "0.1")]
    assert store.rows("SELECT cost_source FROM unified_logs WHERE cost = 0.1") == [("stated",)]


def test_a_stated_cost_that_comes_later_takes_the_place_of_a_computed_one_whatever_prices_do(
    store: Store, tmp_path: Path
) -> None:
    told = call(1, "gpt-4o", 100, 20, gen_ai__response__id="gen-1")
    late: dict[str, Value] = {
        **CALLER,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.id": "gen-1",
        "rvbbit.kind": "log",
        "rvbbit.usage.counted": True,
        "rvbbit.usage.cost": 0.5,
    }
    store.send(traces(told))
    price_new(store.engine)
    assert costs(store) == [("gpt-4o", "0.00045")]
    store.send(traces(SpanRecord(2, late)))
    assert costs(store) == [("gpt-4o", "0.49955"), ("gpt-4o", "0.00045")]
    assert apply(store.engine, own(tmp_path, '[[price]]\nmodel = "gpt-4o"\ninput = 7.0\n')) == 1
    assert store.rows("SELECT toString(sum(cost)), sum(tokens_in), sum(tokens_out) FROM unified_logs") == [
        ("0.5", 100, 20)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[price]]\nmodel = 'm'\n", "price 1: `input` is missing"),
        ("[[price]]\nmodel = 'm'\ninput = -1\n", "price 1: `input` has to be from 0 to"),
        ("[[price]]\nmodel = 'm'\ninput = 'x'\n", "has to be a number"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nprize = 2\n", "'prize' is none of"),
        ("[[price]]\ninput = 1\n", "`model` has to be a text"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nsince = 'then'\n", "`since` has to be a date"),
        ("[price]\nmodel = 'm'\n", r"\[\[price\]\] entries"),
        ("model = ", "is no TOML"),
    ],
)
def test_a_file_of_prices_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    from rvbbit_otel.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=said):
        own(tmp_path, text)


def test_the_file_that_the_page_shows_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "prices.md").read_text()
    prices = own(tmp_path, page.split("```toml\n")[1].split("```")[0])
    assert [(price.provider, price.model, price.rate.rate_in) for price in prices] == [
        ("my-gateway", "mine-*", 200_000),
        ("*", "gpt-4o", 2_000_000),
    ]


def test_what_a_call_costs_is_written_once_and_read_into_what_needs_it() -> None:
    folder = Path(str(files("rvbbit_otel.storage") / "sql"))
    texts = {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*.sql")}
    assert [name for name, text in texts.items() if "least(told_out, told_reasoning" in text] == ["prices/rule.sql"]
    need_it = sorted(name for name, text in texts.items() if "-- include prices/rule.sql" in text)
    assert need_it == [
        "migrations/0032_spans_ruled_mv.sql",
        "migrations/0049_spans_alone_mv.sql",
        "prices/0001_unified_logs.sql",
        "prices/check.sql",
    ]
    assert all(read("prices/rule.sql").strip() in read(name) for name in need_it)
