"""A day of a made-up shop, as spans: callers of every kind, all that a view can show, and the same each time but for the hour that it ends at."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.otlp import SpanRecord, Value, traces

SECOND = 10**9
HOUR = 3600 * SECOND
# Priced by the published table, by the span itself, or by nobody.
_MODELS = (
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
)
_QUERIES = (
    "RVBBIT MAP 'traits/extract_brand.yaml' AS brand USING (SELECT product_name FROM products WHERE added > now() - INTERVAL 1 DAY)",
    "SELECT ticket_id, llm_sentiment(body) FROM tickets WHERE created_at > today() ORDER BY priority DESC LIMIT 200",
    "SELECT llm_summarize(string_agg(review, '\\n')) FROM reviews GROUP BY product_id",
    "SELECT country, llm_classify(complaint, 'refund|delivery|quality|other') FROM complaints",
)
_ROUTES = ("POST /api/chat", "POST /api/search/answer", "GET /api/recommendations")
_ERRORS = (
    "429 Too Many Requests: rate limit of the organization reached",
    "the model's answer is no JSON: Expecting value: line 1 column 1",
)


@dataclass
class _Clock:
    """Span numbers, and what is random by a fixed seed."""

    random: random.Random
    number: int = 0

    def next(self) -> int:
        self.number += 1
        return self.number


def spans(now: int, callers: int = 40, seed: int = 7) -> Iterator[SpanRecord]:
    """All of it; the last caller began a minute before `now`."""
    clock = _Clock(random.Random(seed))
    for index in range(callers):
        at = now - 60 * SECOND - int((callers - 1 - index) ** 1.35 / (callers**1.35) * 23 * HOUR)
        yield from _caller(clock, index, at)
    yield from _nobody(clock, now - 3 * HOUR)


def _caller(clock: _Clock, index: int, at: int) -> Iterator[SpanRecord]:
    pick = clock.random
    origin = ("sql", "http", "sql", "job", "agent")[index % 5]
    words = ("clever-fox", "keen-wren", "calm-otter", "bold-lynx", "shy-heron", "swift-hare")
    caller = f"{origin}-{words[index % 6]}-{pick.randrange(16**6):06x}"
    trace = pick.getrandbits(128).to_bytes(16, "big")
    metadata: dict[str, Value] = {"origin": origin, "team": ("search", "support", "growth")[index % 3]}
    if origin == "sql":
        metadata |= {"sql_query": _QUERIES[index % 4], "protocol": "postgres"}
    elif origin == "http":
        metadata |= {"route": _ROUTES[index % 3], "method": "POST"}
    elif origin == "job":
        metadata |= {"job": "nightly.enrich_catalog", "queue": "default"}
    else:
        metadata |= {"agent": "triage"}
    yield SpanRecord(
        clock.next(),
        {
            "rvbbit.kind": "caller",
            "rvbbit.caller.id": caller,
            "rvbbit.caller.origin": origin,
            "rvbbit.caller.metadata": json.dumps(metadata),
        },
        f"caller {caller}",
        at,
        2 * SECOND,
        trace=trace,
    )
    for place in range(pick.choice((1, 2, 3, 5))):
        yield from _session(clock, caller, origin, index, place, at + place * pick.randrange(60, 400) * 10**6, trace)


def _session(
    clock: _Clock, caller: str, origin: str, index: int, place: int, at: int, trace: bytes
) -> Iterator[SpanRecord]:
    pick = clock.random
    session = f"{('extract', 'sentiment', 'chat', 'enrich', 'triage')[index % 5]}-{index:03}-{place}"
    cascade = ("extract_brand", "ticket_sentiment", "answer", "enrich", "triage")[index % 5]
    weak = index % 11 == 4 and place == 1
    of: dict[str, Value] = {
        "session.id": session,
        "rvbbit.caller.id": caller,
        "rvbbit.caller.origin": origin,
        "rvbbit.caller.source": "inherited" if weak else ("echo", "explicit", "echo", "baggage", "explicit")[index % 5],
        "rvbbit.cascade.id": cascade,
    }
    if place > 1:
        of["rvbbit.session.parent_id"] = session[:-1] + "0"
    root = clock.next()
    took = pick.randrange(900, 4000) * 10**6
    yield SpanRecord(
        root, {**of, "rvbbit.kind": "cascade", "rvbbit.session.event": "end"}, "cascade", at, took, trace=trace
    )
    begin = at + 20 * 10**6
    for step in ("read", "extract", "check")[: pick.choice((2, 3, 3))]:
        cell = clock.next()
        length = took // 4
        yield SpanRecord(
            cell,
            {**of, "rvbbit.kind": "cell", "rvbbit.cell.name": step},
            "cell",
            begin,
            length,
            trace=trace,
            parent=_span(root),
        )
        if step == "check":
            failed = index % 7 == 3 and place == 0
            yield SpanRecord(
                clock.next(),
                {**of, "rvbbit.kind": "tool", "rvbbit.cell.name": step, "gen_ai.tool.name": "lookup"},
                "lookup",
                begin + 10**7,
                length // 2,
                trace=trace,
                parent=_span(cell),
                error=_ERRORS[1] if failed else None,
            )
        else:
            yield _call(clock, of, index, begin + 10**7, int(length * 0.9), trace, cell, step)
        begin += length + 30 * 10**6


def _call(
    clock: _Clock, of: dict[str, Value], index: int, at: int, took: int, trace: bytes, cell: int, step: str
) -> SpanRecord:
    pick = clock.random
    provider, model = _MODELS[index % 3]
    attributes: dict[str, Value] = {
        **of,
        "rvbbit.kind": "llm",
        "rvbbit.cell.name": step,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": pick.randrange(300, 9000),
        "gen_ai.usage.output_tokens": pick.randrange(20, 900),
    }
    if index % 3 == 1:
        attributes["gen_ai.usage.cache_read.input_tokens"] = pick.randrange(50, 300)
        attributes["gen_ai.usage.reasoning.output_tokens"] = pick.randrange(5, 20)
    if index % 4 == 0:
        attributes |= {"rvbbit.usage.cost": round(pick.uniform(0.0004, 0.08), 6)}
    if index % 13 == 5:
        attributes |= {"gen_ai.provider.name": "local", "gen_ai.request.model": "house-model-7b"}
    if index % 9 == 2 and step == "extract":
        attributes["rvbbit.caller.conflict"] = "http-stale-context-0a1b2c"
    failed = index % 10 == 6 and step == "read"
    return SpanRecord(
        clock.next(),
        attributes,
        f"chat {model}",
        at,
        took,
        trace=trace,
        parent=_span(cell),
        error=_ERRORS[0] if failed else None,
    )


def _nobody(clock: _Clock, at: int) -> Iterator[SpanRecord]:
    for index in range(4):
        yield SpanRecord(
            clock.next(),
            {
                "session.id": "background-embedder",
                "rvbbit.kind": "llm",
                "rvbbit.caller.source": "none",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 4000 + index,
                "gen_ai.usage.output_tokens": 10,
            },
            "chat gpt-4o-mini",
            at + index * 700 * SECOND,
            SECOND,
        )


def _span(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


def send(otlp_http: str, *records: SpanRecord) -> None:
    """Send spans to an all-in-one, a thousand a request."""
    for begin in range(0, len(records), 1000):
        request = urllib.request.Request(
            f"{otlp_http}/v1/traces",
            traces(*records[begin : begin + 1000], service="shop"),
            {"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.status == 200
