"""What a token costs is what genai-prices says, for every model that it knows."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from genai_prices import Usage, data_snapshot
from genai_prices.types import ModelInfo, Provider

from rvbbit_otel.storage.price_table import Rate, rates_of
from rvbbit_otel.storage.prices import _in_order

MOMENT = datetime(2026, 11, 20, 13, 30, tzinfo=timezone.utc)
# Tokens in, of these from the cache and written to it, tokens out.
CALLS = ((1000, 0, 0, 100), (99_999, 400, 30, 7), (300_000, 200_000, 5, 1), (1_500_000, 1, 1, 1))
# What is asked of a provider by a name that is another model's, or sold by another measure as well.
OTHER_UNITS = ("requests_kcount", "input_mchars", "output_citation_mtok", "input_text_messages_kcount")


def published() -> list[tuple[Provider, ModelInfo]]:
    found = []
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            prices = model.get_prices(MOMENT)
            if provider.find_model(model.id) is model and not any(getattr(prices, unit, None) for unit in OTHER_UNITS):
                found.append((provider, model))
    return found


def ours(rates: list[Rate], tokens: tuple[int, int, int, int]) -> Decimal | None:
    """As the store works it out."""
    tokens_in, cached, written, out = tokens
    second = MOMENT.hour * 3600 + MOMENT.minute * 60
    fitting = [
        rate
        for rate in _in_order(rates)
        if rate.since <= MOMENT.timestamp()
        and rate.day_from <= second < rate.day_to
        and (not rate.over or tokens_in > rate.over)
    ]
    if not fitting:
        return None
    rate = fitting[-1]
    total = (
        rate.rate_in * (tokens_in - cached - written)
        + rate.rate_cached * cached
        + rate.rate_cache_write * written
        + rate.rate_out * out
    )
    return Decimal(total).scaleb(-12)


def test_every_published_model_costs_what_its_library_says() -> None:
    different, tried = [], 0
    for provider, model in published():
        rates = rates_of(provider.id, model.id)
        for tokens in CALLS:
            usage = Usage(
                input_tokens=tokens[0],
                cache_read_tokens=tokens[1],
                cache_write_tokens=tokens[2],
                output_tokens=tokens[3],
            )
            theirs = model.calc_price(usage, provider, genai_request_timestamp=MOMENT).total_price
            mine = ours(rates, tokens)
            tried += 1
            if mine is None and theirs == 0:
                continue  # Sold by another measure alone.
            if mine is None or abs(mine - theirs) > Decimal("1e-9"):
                different.append((provider.id, model.id, tokens, theirs, mine))
    assert different == []
    assert tried > 5000


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("openai", "gpt-4o-mini-2024-07-18", "0.15"),
        ("", "gpt-4o-mini", "0.15"),
        ("", "openai/gpt-4o-mini", "0.15"),
        ("azure.ai.openai", "gpt-4o-mini", "0.15"),
        ("litellm", "openai/gpt-4o-mini", "0.15"),
        ("openai", "openai/gpt-4o-mini", "0.15"),
        ("azure.ai.openai", "azure/gpt-4o-mini", "0.15"),
        ("openai", "azure/gpt-4o-mini", "0.15"),
        ("gcp.gemini", "gemini/gemini-2.5-flash", "0.3"),
        ("gcp.vertex_ai", "vertex_ai/gemini-2.5-flash", "0.3"),
        ("mistral_ai", "mistral/mistral-large-latest", "2"),
        ("x_ai", "xai/grok-3", "3"),
    ],
)
def test_a_model_is_found_by_the_names_that_calls_give(provider: str, model: str, dollars: str) -> None:
    assert [Decimal(rate.rate_in) / 1_000_000 for rate in rates_of(provider, model)] == [Decimal(dollars)]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("ollama", "gpt-4o"),
        ("ollama", "openai/gpt-4o"),
        ("vllm", "openai/gpt-4o"),
        ("mine", "azure/gpt-4o-mini"),
        ("openai", "mine-7b"),
        ("", "mine-7b"),
        ("openai", ""),
        ("", ""),
    ],
)
def test_what_nobody_sells_has_no_price(provider: str, model: str) -> None:
    """A local server that serves a model by a known name asks nothing for it."""
    assert rates_of(provider, model) == []


def test_a_version_of_another_day_costs_what_its_model_does_and_says_so() -> None:
    (rate,) = rates_of("openai", "gpt-4o-2031-07-18")
    (known,) = rates_of("openai", "gpt-4o")
    assert (rate.rate_in, rate.rate_out) == (known.rate_in, known.rate_out)
    assert rate.source == f"{known.source} by gpt-4o"
    assert "by" not in rates_of("openai", "gpt-4o-2024-05-13")[0].source  # That one has a price of its own.
