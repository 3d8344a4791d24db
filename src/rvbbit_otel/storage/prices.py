"""Prices in the store: calls that state tokens and no cost get theirs, and get it anew where a price changes (ADR 18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of
from rvbbit_otel.storage.price_table import OwnPrice, Rate, rates_of

PUT: Final = read("prices/put.sql").strip()
# What gives the rows of a model their cost anew.
REPRICE: Final = tuple(text_of(file).strip() for file in sql_files("prices") if file.name.startswith("00"))
Model = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """The change that other rates would make for one model, by the names that its calls give: rows, and dollars
    before and after.
    """

    provider: str
    model: str
    calls: int
    calls_unpriced: int
    cost_now: Decimal
    cost_then: Decimal
    known: bool


def price_new(database: Database, own: Sequence[OwnPrice] = ()) -> list[Model]:
    """Look for a price for every model that was met and has none, and give its rows their cost. Gives those that nobody knows a price of.

    Raises StoreError, and ConfigurationError where genai-prices is not installed.
    """
    met = [(str(provider), str(model)) for provider, model in database.query(read("prices/met.sql")).rows]
    unknown = []
    for model in met:
        rates = rates_of(*model, own)
        _put(database, model, rates)
        if not rates:
            unknown.append(model)
    return unknown


def changes(database: Database, own: Sequence[OwnPrice] = ()) -> list[Change]:
    """Return what today's prices and the user's would change, model by model, without changing it."""
    found = []
    for model, rates, known in _differing(database, own):
        ((calls, unpriced, now, then),) = database.query(
            read("prices/check.sql"), {"provider": model[0], "model": model[1], "rates": _literal(rates)}
        ).rows
        found.append(
            Change(*model, int(str(calls)), int(str(unpriced)), Decimal(str(now)), Decimal(str(then)), bool(known))
        )
    return found


def apply(database: Database, own: Sequence[OwnPrice] = ()) -> int:
    """Put prices of today and the user's into the store, and cost every row anew that they concern; gives how many models that were."""
    differing = _differing(database, own)
    for model, rates, _ in differing:
        _put(database, model, rates)
    return len(differing)


def _differing(database: Database, own: Sequence[OwnPrice]) -> list[tuple[Model, list[Rate], bool]]:
    stored: dict[Model, object] = {
        (str(provider), str(model)): [tuple(map(str, rate)) for rate in _rows(rates)]
        for provider, model, rates in database.query(read("prices/known.sql")).rows
    }
    for provider, model in database.query(read("prices/met.sql")).rows:
        stored[str(provider), str(model)] = None
    found = []
    for each, before in stored.items():
        rates = rates_of(*each, own)
        if [tuple(map(str, _as_tuple(rate))) for rate in _in_order(rates)] != before:
            found.append((each, rates, bool(rates)))
    return found


def _put(database: Database, model: Model, rates: Sequence[Rate]) -> None:
    named = {"provider": model[0], "model": model[1]}
    database.command(PUT, {**named, "rates": _literal(rates)})
    for statement in REPRICE:
        database.command(statement, named)


def _in_order(rates: Iterable[Rate]) -> list[Rate]:
    """In order of time; a price for some hours of the day after one for all, for large calls after one for any."""
    return sorted(rates, key=lambda rate: (rate.since, rate.day_from - rate.day_to, rate.over))


def _as_tuple(rate: Rate) -> tuple[int | str, ...]:
    return (
        1,
        rate.since,
        rate.day_from,
        rate.day_to,
        rate.over,
        rate.rate_in,
        rate.rate_cached,
        rate.rate_cache_write,
        rate.rate_audio_in,
        rate.rate_out,
        rate.rate_reasoning,
        rate.rate_audio_out,
        rate.source,
    )


def _literal(rates: Sequence[Rate]) -> str:
    """As a ClickHouse parameter of type Array(Tuple(...)) is written."""
    shown = (
        "(" + ",".join(quote(part) if isinstance(part, str) else str(part) for part in _as_tuple(rate)) + ")"
        for rate in _in_order(rates)
    )
    return "[" + ",".join(shown) + "]"


def quote(text: str) -> str:
    """A text inside such a parameter."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _rows(rates: object) -> list[Sequence[object]]:
    return list(rates) if isinstance(rates, list | tuple) else []
