"""What the tables leave out of a request, by reason, for the answer to its sender; the rules are `spans_stated_mv`'s and `log_records_in_mv`'s."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.all_in_one.otlp.schema import kind_of

_DAY_NS: Final = 86_400 * 10**9
_OLDEST_NS: Final = 90 * _DAY_NS
_WORDS: Final[Mapping[str, str]] = {
    "trace_id": "without a valid trace id (16 bytes, not all zero)",
    "span_id": "without a valid span id (8 bytes, not all zero)",
    "time": "without a valid time (at most 90 days ago and a day ahead)",
}


def left_out(request: Request) -> Counter[str]:
    """How many spans or log records of a request are in no table, by reason. Looks at each one: for a thread."""
    now = time.time_ns()
    message = kind_of(request.signal).plain.FromString(request.body)
    reasons = _spans(message, now) if request.signal == "traces" else _records(message, now)
    return Counter(reason for reason in reasons if reason)


def in_words(signal: str, counts: Mapping[str, int]) -> str:
    """The same for people; '' for nothing."""
    if not counts:
        return ""
    what = "spans" if signal == "traces" else "log records"
    each = ", ".join(f"{count} {_WORDS[reason]}" for reason, count in sorted(counts.items()))
    return f"{what} left out: {each}; the rest is stored"


def _spans(message: Any, now: int) -> Iterator[str]:
    for group in message.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                if len(span.trace_id) != 16 or not any(span.trace_id):
                    yield "trace_id"
                elif len(span.span_id) != 8 or not any(span.span_id):
                    yield "span_id"
                else:
                    yield _time(span.start_time_unix_nano, now)


def _records(message: Any, now: int) -> Iterator[str]:
    for group in message.resource_logs:
        for scope in group.scope_logs:
            for record in scope.log_records:
                # A record need not belong to a trace.
                if any(record.trace_id) and len(record.trace_id) != 16:
                    yield "trace_id"
                elif any(record.span_id) and len(record.span_id) != 8:
                    yield "span_id"
                else:
                    yield _time(record.time_unix_nano or record.observed_time_unix_nano, now)


def _time(at: int, now: int) -> str:
    return "" if now - _OLDEST_NS <= at <= now + _DAY_NS else "time"
