"""Count what the tables leave out of a request, by reason, for the answer to its sender; the rules are those of
`spans_stated_mv` and `log_records_in_mv`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

_DAY_NS: Final = 86_400 * 10**9
_OLDEST_NS: Final = 90 * _DAY_NS
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_WORDS: Final[Mapping[str, str]] = {
    "trace_id": "without a valid trace id (16 bytes, not all zero)",
    "span_id": "without a valid span id (8 bytes, not all zero)",
    "time": "without a valid time (at most 90 days ago and a day ahead)",
}


def left_out(signal: str, message: Any) -> Counter[str]:
    """How many spans or log records of a request's message are in no table, by reason. Looks at each one."""
    now = time.time_ns()
    first, last = now - _OLDEST_NS, now + _DAY_NS
    return Counter(_spans(message, first, last) if signal == "traces" else _records(message, first, last))


def in_words(signal: str, counts: Mapping[str, int]) -> str:
    """The same for people; '' for nothing."""
    if not counts:
        return ""
    what = "spans" if signal == "traces" else "log records"
    each = ", ".join(f"{count} {_WORDS[reason]}" for reason, count in sorted(counts.items()))
    return f"{what} left out: {each}; the rest is stored"


def _spans(message: Any, first: int, last: int) -> Iterator[str]:
    for group in message.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                trace_id, span_id = span.trace_id, span.span_id
                if len(trace_id) != 16 or trace_id == _NO_TRACE:
                    yield "trace_id"
                elif len(span_id) != 8 or span_id == _NO_SPAN:
                    yield "span_id"
                elif not first <= span.start_time_unix_nano <= last:
                    yield "time"


def _records(message: Any, first: int, last: int) -> Iterator[str]:
    for group in message.resource_logs:
        for scope in group.scope_logs:
            for record in scope.log_records:
                # A record need not belong to a trace.
                if any(record.trace_id) and len(record.trace_id) != 16:
                    yield "trace_id"
                elif any(record.span_id) and len(record.span_id) != 8:
                    yield "span_id"
                elif not first <= (record.time_unix_nano or record.observed_time_unix_nano) <= last:
                    yield "time"
