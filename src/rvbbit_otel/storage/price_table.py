"""The price of a token: the user's own prices first, then those of genai-prices, by the provider's and model's names
in a call.

Rates are whole numbers of 1e-12 dollars a token: dollars a million tokens, times a million.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timezone
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_DAY: Final = 86_400
# The day of a version at the end of a model's name.
_DATE: Final = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d$")
_PICO: Final = 1_000_000
# The names of providers in the GenAI conventions that genai-prices does not find by itself.
_PROVIDERS: Final[Mapping[str, str]] = {
    "az.ai.openai": "azure",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
# The key of a price in a user's file, and the rate that it is.
_KEYS: Final[Mapping[str, str]] = {
    "input": "rate_in",
    "cached_input": "rate_cached",
    "cache_write": "rate_cache_write",
    "audio_input": "rate_audio_in",
    "output": "rate_out",
    "reasoning": "rate_reasoning",
    "audio_output": "rate_audio_out",
}


@dataclass(frozen=True)
class Rate:
    """Prices from `since` (seconds since 1970) on, between two seconds of the day (UTC), for calls with more than
    `over` tokens in.
    """

    rate_in: int
    rate_out: int
    rate_cached: int
    rate_cache_write: int
    rate_audio_in: int
    rate_reasoning: int
    rate_audio_out: int
    source: str
    since: int = 0
    day_from: int = 0
    day_to: int = _DAY
    over: int = 0


@dataclass(frozen=True)
class OwnPrice:
    """One price of a user's file: patterns of a provider and a model (`*` stands for anything, case does not matter), and the rate."""

    provider: str
    model: str
    rate: Rate

    def fits(self, provider: str, model: str) -> bool:
        """Return whether the price is for this model."""
        return fnmatchcase(provider.lower(), self.provider.lower()) and fnmatchcase(model.lower(), self.model.lower())


def rates_of(provider: str, model: str, own: Sequence[OwnPrice] = ()) -> list[Rate]:
    """Every rate of a model, by the names that a call gives; empty if nobody knows one.

    From the day on from which a user's price holds, it replaces those of genai-prices. Raises ConfigurationError where that is not installed.
    """
    mine = [price.rate for price in own if price.fits(provider, model)]
    first = min((rate.since for rate in mine), default=None)
    return [rate for rate in _published(provider, model) if first is None or rate.since < first] + mine


def published() -> str:
    """Name and version of the published table; raises ConfigurationError where it is not installed."""
    _snapshot()
    return f"genai-prices {version('genai-prices')}"


def read_prices(file: Path) -> list[OwnPrice]:
    """The prices of a user's file; raises ConfigurationError that says which entry is wrong, and how.

    Each ``[[price]]`` has ``model`` and ``input`` (dollars a million tokens), and may have ``provider``, ``output``, ``cached_input``,
    ``cache_write``, ``audio_input``, ``reasoning``, ``audio_output``, ``since`` (a date) and ``over`` (tokens in).
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the prices in {file} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is no TOML: {error}") from error
    entries = document.get("price")
    if not isinstance(entries, list) or set(document) != {"price"}:
        raise ConfigurationError(f"{file} has to hold [[price]] entries and nothing else")
    return [_own(entry, f"{file}, price {number}", file.name) for number, entry in enumerate(entries, 1)]


def _own(entry: Mapping[str, Any], where: str, name: str) -> OwnPrice:
    known = {"provider", "model", "since", "over", *_KEYS}
    if unknown := sorted(set(entry) - known):
        raise ConfigurationError(f"{where}: {unknown[0]!r} is none of {', '.join(sorted(known))}")
    model, provider = entry.get("model"), entry.get("provider", "*")
    if not isinstance(model, str) or not model or not isinstance(provider, str):
        raise ConfigurationError(f"{where}: `model` has to be a text, and `provider` if it is there")
    given = {rate: _dollars(entry[key], f"{where}: `{key}`") for key, rate in _KEYS.items() if key in entry}
    if "rate_in" not in given:
        raise ConfigurationError(f"{where}: `input` is missing: dollars a million tokens")
    since, over = entry.get("since"), entry.get("over", 0)
    if since is not None and type(since).__name__ not in ("date", "datetime"):
        raise ConfigurationError(f"{where}: `since` has to be a date, as in since = 2026-01-31")
    if not isinstance(over, int) or isinstance(over, bool) or over < 0:
        raise ConfigurationError(f"{where}: `over` has to be a number of tokens")
    rate = _rate(given, f"{name}")
    return OwnPrice(provider, model, replace(rate, since=_seconds(since) if since else 0, over=over))


def _dollars(value: object, what: str) -> int:
    try:
        dollars = Decimal(str(value))
    except InvalidOperation as error:
        raise ConfigurationError(f"{what} has to be a number of dollars a million tokens") from error
    if isinstance(value, bool) or not dollars.is_finite() or not 0 <= dollars <= 1_000_000:
        raise ConfigurationError(f"{what} has to be from 0 to 1000000 dollars a million tokens")
    return int((dollars * _PICO).to_integral_value())


def _rate(given: Mapping[str, int], source: str) -> Rate:
    """What has no price of its own costs what it is a part of."""
    rate_in, rate_out = given.get("rate_in", 0), given.get("rate_out", 0)
    return Rate(
        rate_in=rate_in,
        rate_out=rate_out,
        rate_cached=given.get("rate_cached", rate_in),
        rate_cache_write=given.get("rate_cache_write", rate_in),
        rate_audio_in=given.get("rate_audio_in", rate_in),
        rate_reasoning=given.get("rate_reasoning", rate_out),
        rate_audio_out=given.get("rate_audio_out", rate_out),
        source=source,
    )


def _published(provider: str, model: str) -> Iterator[Rate]:
    source = published()
    found = _find(provider, model)
    if found is None and (undated := _DATE.sub("", model)) != model:
        # Another day's version of a model that it knows.
        found, source = _find(provider, undated), f"{source} by {undated}"
    if found is None:
        return
    conditionals = found.prices if isinstance(found.prices, list) else [None]
    for number, conditional in enumerate(conditionals):
        prices: Any = found.prices if conditional is None else conditional.prices
        constraint: Any = None if conditional is None else conditional.constraint
        if prices.input_mtok is None and prices.output_mtok is None:
            continue  # It is sold by the hour, the page or the picture.
        # Where none holds yet, the first does.
        since = _seconds(constraint.start_date) if number and hasattr(constraint, "start_date") else 0
        for day_from, day_to in _hours(constraint):
            for over in _thresholds(prices):
                given = {
                    rate: _at(getattr(prices, name), over)
                    for name, rate in _UNITS.items()
                    if getattr(prices, name, None) is not None
                }
                yield replace(_rate(given, source), since=since, day_from=day_from, day_to=day_to, over=over)


_UNITS: Final[Mapping[str, str]] = {
    "input_mtok": "rate_in",
    "output_mtok": "rate_out",
    "cache_read_mtok": "rate_cached",
    "cache_write_mtok": "rate_cache_write",
    "input_audio_mtok": "rate_audio_in",
    "output_reasoning_mtok": "rate_reasoning",
    "output_audio_mtok": "rate_audio_out",
}


def _find(provider: str, model: str) -> Any:
    """The model in genai-prices, or None. A provider that it does not know has no price there: what it asks for another's model is its own affair."""
    snapshot = _snapshot()
    if not model:
        return None
    name = provider.lower().strip()
    known = _PROVIDERS.get(name, name)
    tries: list[tuple[str, str | None]] = [(model, known or None)]
    if "/" in model and not name:
        tries.insert(0, (model, "litellm"))  # As LiteLLM writes it: provider/model.
    elif "/" in model and _sells(known):
        tries.append(
            (model, "litellm")
        )  # So it may stand where the provider is named besides, as google-adk does; it knows better than a client's name.
    for reference, at in tries:
        try:
            return snapshot.find_provider_model(reference, None, at, None)[1]
        except LookupError:
            continue
    return None


def _sells(provider: str) -> bool:
    """Return whether genai-prices has prices of this provider's; a server of one's own has none, whatever it calls its models."""
    try:
        _snapshot().find_provider(None, provider, None)
    except LookupError:
        return False
    return True


@cache
def _snapshot() -> Any:
    try:
        from genai_prices import data_snapshot
    except ImportError as error:
        raise ConfigurationError("prices need genai-prices: pip install 'rvbbit-otel[prices]'") from error
    return data_snapshot.get_snapshot()


def _thresholds(prices: Any) -> list[int]:
    priced: list[Any] = [getattr(prices, name, None) for name in _UNITS]
    return sorted({0} | {tier.start for price in priced for tier in getattr(price, "tiers", ())})


def _at(price: Any, over: int) -> int:
    tiers: Any = getattr(price, "tiers", None)
    dollars = price if tiers is None else next((t.price for t in reversed(tiers) if over >= t.start), price.base)
    return int((dollars * _PICO).to_integral_value())


def _hours(constraint: Any) -> list[tuple[int, int]]:
    if not hasattr(constraint, "start_time"):
        return [(0, _DAY)]
    begin, end = _of_day(constraint.start_time), _of_day(constraint.end_time)
    return [(begin, end)] if begin <= end else [(begin, _DAY), (0, end)]


def _of_day(moment: time) -> int:
    """Seconds of the day in UTC."""
    if moment.tzinfo is not None:
        moment = datetime.combine(datetime(1970, 1, 2).date(), moment).astimezone(timezone.utc).time()
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _seconds(day: Any) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())
