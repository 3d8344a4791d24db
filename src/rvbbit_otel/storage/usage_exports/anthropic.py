"""Anthropic's usage and costs: pages of the Admin API, and the two CSVs of the Console.

Fields by https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-messages-usage-report and .../get-cost-report, whose
amounts are in cents. It says tokens and no calls; those that went in are the sum of uncached, read from the cache and written to it.
The Console's CSVs, as people who read them show them: `usage_date_utc, model_version, api_key, workspace, usage_input_tokens_no_cache,
...`, and `usage_date_utc, model, workspace, api_key, token_type, cost_usd, ...`, rounded to cents, with models named for people
("Claude Sonnet 4.5").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.usage_exports.entry import (
    COST,
    Entry,
    Figures,
    Part,
    Span,
    count,
    dollars,
    moment,
    text,
    within_a_day,
)

_TOKENS: Final = frozenset({"tokens_in", "tokens_out"})
_CENT: Final = Decimal("0.01")
_DAY: Final = timedelta(days=1)
_INPUTS: Final = (
    "usage_input_tokens_no_cache",
    "usage_input_tokens_cache_write_5m",
    "usage_input_tokens_cache_write_1h",
    "usage_input_tokens_cache_write",
    "usage_input_tokens_cache_read",
)


def read_json(documents: Sequence[Mapping[str, Any]], where: str) -> Part:
    """Pages as the Admin API gives them; raises ConfigurationError."""
    spans: list[Span] = []
    entries: list[Entry] = []
    for number, page in enumerate(documents):
        at = where if len(documents) == 1 else f"{where}, [{number}]"
        begins, ends = [], []
        found: list[Entry] = []
        for index, bucket in enumerate(page["data"]):
            place = f"{at}, data[{index}]"
            begin, end = (
                moment(bucket.get("starting_at"), f"{place}.starting_at"),
                moment(bucket.get("ending_at"), f"{place}.ending_at"),
            )
            within_a_day(begin, end, place)
            begins.append(begin)
            ends.append(end)
            results = bucket.get("results")
            if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
                raise ConfigurationError(f"{place} has no list `results`: give the API's answer as it came")
            found.extend(_entry(each, begin, end, f"{place}.results[{nth}]") for nth, each in enumerate(results))
        for kind in sorted({entry.kind for entry in found} or {"usage"}):
            spans.append(
                Span(kind, min(begins), max(ends), COST if kind == "costs" else _TOKENS, at, bool(page.get("has_more")))
            )
        entries.extend(found)
    return Part("anthropic", tuple(spans), tuple(entries))


def read_csv(lines: Sequence[tuple[str, Mapping[str, str]]], header: frozenset[str], where: str) -> Part:
    """Lines of the Console's export, each with its place in the file; raises ConfigurationError."""
    costs = "cost_usd" in header
    found = []
    for place, line in lines:
        begin = moment(line["usage_date_utc"], f"{place}, usage_date_utc")
        key, project = text(line, "api_key_id", "api_key"), text(line, "workspace")
        if costs:
            figures = Figures(cost=dollars(line.get("cost_usd"), f"{place}, cost_usd"))
            model = _model_of(text(line, "model")) or text(line, "cost_type", "usage_type")
        else:
            inputs = [count(line.get(name), f"{place}, {name}") or 0 for name in _INPUTS]
            figures = Figures(
                None, sum(inputs), count(line.get("usage_output_tokens"), f"{place}, usage_output_tokens")
            )
            model = _model_of(text(line, "model_version"))
        rounding = _CENT / 2 if costs else Decimal(0)
        found.append(
            Entry(
                "costs" if costs else "usage",
                begin,
                begin + _DAY,
                figures,
                place,
                model=model,
                rounding=rounding,
                key=key,
                project=project,
            )
        )
    begins = [entry.begin for entry in found]
    span = Span(found[0].kind, min(begins), max(begins) + _DAY, COST if costs else _TOKENS, where)
    return Part("anthropic", (span,), tuple(found))


def _entry(result: Mapping[str, Any], begin: datetime, end: datetime, place: str) -> Entry:
    key, project = text(result, "api_key_id"), text(result, "workspace_id")
    if "amount" in result:
        if str(result.get("currency") or "USD").upper() != "USD":
            raise ConfigurationError(f"{place} is in {result['currency']}: it has to be in US dollars")
        cents = dollars(result["amount"], f"{place}.amount")
        figures = Figures(cost=None if cents is None else cents * _CENT)
        model = text(result, "model") or text(result, "cost_type", "description")
        return Entry("costs", begin, end, figures, place, model=model, key=key, project=project)
    if "uncached_input_tokens" not in result:
        raise ConfigurationError(
            f"{place} has neither `uncached_input_tokens` nor `amount`: it is no usage or cost report"
        )
    created = result.get("cache_creation") or {}
    names = ("uncached_input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    parts = [count(result.get(name), f"{place}.{name}") for name in names]
    parts += [count(value, f"{place}.cache_creation.{name}") for name, value in created.items()]
    figures = Figures(
        None, sum(part or 0 for part in parts), count(result.get("output_tokens"), f"{place}.output_tokens") or 0
    )
    return Entry("usage", begin, end, figures, place, model=text(result, "model"), key=key, project=project)


def _model_of(shown: str) -> str:
    """A name for people as the API names it: "Claude 3.5 Sonnet 2024-10-22" is `claude-3-5-sonnet-20241022`."""
    if " " not in shown:
        return shown
    name = re.sub(r"\b(20\d\d)-(\d\d)-(\d\d)\b", r"\1\2\3", shown)
    return re.sub(r"[ .]+", "-", name.strip().lower())
