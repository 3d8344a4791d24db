"""OpenAI's usage and costs: pages of the organization's API, and the CSV of the dashboard.

Fields by https://developers.openai.com/api/docs/api-reference/usage (``/v1/organization/usage/completions`` and its neighbours,
``/v1/organization/costs``); the dashboard's CSV has the same names, a bucket's times in each line, and `amount_value` for
money. `input_tokens` holds those of the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.usage_exports.entry import (
    COST,
    USAGE,
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

_COSTS: Final = "organization.costs.result"
_TOKENS: Final = "organization.usage.completions.result"
# What tells of calls to models; the other kinds (storage, containers) are no calls.
_KINDS: Final = frozenset(
    {
        _COSTS,
        *(
            f"organization.usage.{name}.result"
            for name in ("completions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions")
        ),
    }
)


def read_json(documents: Sequence[Mapping[str, Any]], where: str) -> Part:
    """Pages as the API gives them; raises ConfigurationError."""
    spans: list[Span] = []
    entries: list[Entry] = []
    for number, page in enumerate(documents):
        at = where if len(documents) == 1 else f"{where}, [{number}]"
        begins, ends, found = [], [], []
        for begin, end, result, place in _results(page, at):
            begins.append(begin)
            ends.append(end)
            if result is not None:
                found.append(_entry(result, begin, end, place))
        kinds = {entry.kind for entry in found} or {_TOKENS}
        for kind in sorted(kinds):
            tells = COST if kind == _COSTS else USAGE
            spans.append(Span(kind, min(begins), max(ends), tells, at, bool(page.get("has_more"))))
        entries.extend(found)
    return Part("openai", tuple(spans), tuple(entries))


def read_csv(lines: Sequence[tuple[str, Mapping[str, str]]], header: frozenset[str], where: str) -> Part:
    """Lines of the dashboard's export, each with its place in the file; raises ConfigurationError."""
    kind = (
        _COSTS
        if "amount_value" in header
        else _TOKENS
        if "output_tokens" in header or "input_tokens" not in header
        else "embeddings"
    )
    begins, ends, found = [], [], []
    for place, line in lines:
        begin, end = moment(line["start_time"], f"{place}, start_time"), moment(line["end_time"], f"{place}, end_time")
        within_a_day(begin, end, place)
        begins.append(begin)
        ends.append(end)
        # A bucket in which nothing was used is a line with its times alone.
        if any(line.get(name) for name in ("input_tokens", "output_tokens", "num_model_requests", "amount_value")):
            result = dict(line) | {
                "object": kind,
                "amount": {"value": line.get("amount_value"), "currency": line.get("amount_currency")},
            }
            found.append(_entry(result, begin, end, place))
    return Part("openai", (Span(kind, min(begins), max(ends), COST if kind == _COSTS else USAGE, where),), tuple(found))


def _results(page: Mapping[str, Any], where: str) -> Iterator[tuple[datetime, datetime, Mapping[str, Any] | None, str]]:
    for number, bucket in enumerate(page["data"]):
        place = f"{where}, data[{number}]"
        begin, end = (
            moment(bucket.get("start_time"), f"{place}.start_time"),
            moment(bucket.get("end_time"), f"{place}.end_time"),
        )
        within_a_day(begin, end, place)
        results = bucket.get("results", bucket.get("result"))
        if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
            raise ConfigurationError(f"{place} has no list `results`: give the API's answer as it came")
        yield begin, end, None, place
        for index, result in enumerate(results):
            yield begin, end, result, f"{place}.results[{index}]"


def _entry(result: Mapping[str, Any], begin: datetime, end: datetime, place: str) -> Entry:
    kind = text(result, "object") or (_COSTS if "amount" in result else _TOKENS)
    if kind not in _KINDS and kind != "embeddings":
        raise ConfigurationError(f"{place} is of {kind!r}, which is no call to a model: leave that file out")
    key, project = text(result, "api_key_id"), text(result, "project_id")
    if kind == _COSTS:
        amount = result.get("amount")
        if not isinstance(amount, dict) or str(amount.get("currency") or "usd").lower() != "usd":
            raise ConfigurationError(f"{place}.amount has to be in US dollars")
        figures = Figures(cost=dollars(amount.get("value"), f"{place}.amount.value"))
        # `gpt-4o-2024-08-06, input`: what else there is to pay for has a name of its own.
        return Entry(
            kind,
            begin,
            end,
            figures,
            place,
            model=text(result, "line_item").partition(",")[0].strip(),
            key=key,
            project=project,
        )
    tokens_in = count(result.get("input_tokens"), f"{place}.input_tokens")
    tokens_out = count(result.get("output_tokens"), f"{place}.output_tokens")
    if tokens_in is not None and tokens_out is None:
        tokens_out = 0
    figures = Figures(count(result.get("num_model_requests"), f"{place}.num_model_requests"), tokens_in, tokens_out)
    return Entry(kind, begin, end, figures, place, model=text(result, "model"), key=key, project=project)
