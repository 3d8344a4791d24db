"""OTLP bodies of the example runner's shape, made as fast as a minute of load asks for them.

A span is serialized once. Every other has the same bytes but for its ids, its times, its session and its caller, which have places of a fixed
width, so that a body of thousands is one array that is filled by columns.
"""

from __future__ import annotations

import numpy as np
from tests.support.otlp import NOW, SpanRecord, traces

SPANS = 5_000  # A body of the exporters' batches is 512; a collector's is some thousands.
_ROWS_A_SESSION, _SESSIONS_A_CALLER = 20, 20
# From one span to the next: 50,000 a second, about the rate that goes in. With a million of one name in a second, each guard reads all of them again.
STEP_NS = 20_000
# A span whose numbers are found again in its bytes.
_MARK = 0x123456789ABC * _ROWS_A_SESSION + 1
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


def span(number: int, step_ns: int = STEP_NS) -> SpanRecord:
    """One log row: a session has twenty, a caller twenty sessions in one trace, fifteen attributes each."""
    session = number // _ROWS_A_SESSION
    return SpanRecord(
        number,
        {
            "session.id": f"session-{session:016x}",
            "rvbbit.caller.id": f"sql-clever-fox-{session // _SESSIONS_A_CALLER:012x}",
            "rvbbit.caller.source": "echo",
            "rvbbit.caller.origin": "sql",
            "rvbbit.kind": "log",
            "rvbbit.log.role": "assistant",
            "rvbbit.log.node_type": "agent",
            "rvbbit.cell.name": "extract",
            "rvbbit.take.index": 1,
            "rvbbit.cascade.id": "extract_brand",
            "rvbbit.usage.counted": True,
            "rvbbit.usage.cost": 0.000012,
            "gen_ai.usage.input_tokens": 8,
            "gen_ai.usage.output_tokens": 1,
            "gen_ai.response.model": "stub/brand-1",
        },
        # The marked span's number is greater than a time can be; no other comes so far.
        at=NOW + number * step_ns % 2**60,
        trace=_trace(number),
    )


def _trace(number: int) -> bytes:
    return (number // (_ROWS_A_SESSION * _SESSIONS_A_CALLER) + 1).to_bytes(16, "big")


class Bodies:
    """Body `n` holds the spans of numbers `n * spans` and up; the same number gives the same bytes."""

    def __init__(self, spans: int = SPANS, step_ns: int = STEP_NS) -> None:
        """`spans` in each body, `step_ns` from one to the next."""
        self.spans = spans
        self._step_ns = step_ns
        # The bytes of a body but for the spans, whose lengths it holds, depend on how many there are and not on which.
        marked = traces(*[span(_MARK, step_ns)] * spans)
        one = traces(span(_MARK, step_ns))
        last = one[one.rindex(_find_start(one)) :]
        self._head = marked[: len(marked) - spans * len(last)]
        self._span = np.frombuffer(last, np.uint8)
        record = span(_MARK, step_ns)
        session, caller = str(record.attributes["session.id"]), str(record.attributes["rvbbit.caller.id"])
        self._trace = _place(last, _trace(_MARK)) + 8
        self._id = _place(last, b"\x12\x08" + (_MARK + 1).to_bytes(8, "big")) + 2
        self._times = [_place(last, time.to_bytes(8, "little")) for time in (record.at, record.at + record.took)]
        self._took = record.took
        self._session = _place(last, session.encode()) + len("session-")
        self._caller = _place(last, caller.encode()) + len("sql-clever-fox-")

    def __call__(self, number: int) -> bytes:
        """The body of this number."""
        numbers = np.arange(number * self.spans, (number + 1) * self.spans, dtype=np.uint64)
        filled = np.tile(self._span, (self.spans, 1))
        filled[:, self._id : self._id + 8] = _as_bytes(numbers + np.uint64(1), ">u8")
        starts = numbers * np.uint64(self._step_ns) + np.uint64(NOW)
        for place, times in zip(self._times, (starts, starts + np.uint64(self._took)), strict=True):
            filled[:, place : place + 8] = _as_bytes(times, "<u8")
        sessions = numbers // np.uint64(_ROWS_A_SESSION)
        callers = sessions // np.uint64(_SESSIONS_A_CALLER)
        filled[:, self._trace : self._trace + 8] = _as_bytes(callers + np.uint64(1), ">u8")
        _write_hex(filled, self._session, 16, sessions)
        _write_hex(filled, self._caller, 12, callers)
        return self._head + filled.tobytes()


def _find_start(one: bytes) -> bytes:
    # A span is field 2 of its ScopeSpans, and its trace id is its first field, of 16 bytes.
    trace = b"\x0a\x10" + _trace(_MARK)
    return one[one.rindex(b"\x12", 0, one.index(trace)) : one.index(trace)] + trace


def _place(data: bytes, wanted: bytes) -> int:
    if data.count(wanted) != 1:
        raise AssertionError(f"{wanted!r} stands {data.count(wanted)} times in a span")
    return data.index(wanted)


def _as_bytes(values: np.ndarray, kind: str) -> np.ndarray:
    return values.astype(kind).view(np.uint8).reshape(-1, 8)


def _write_hex(filled: np.ndarray, place: int, width: int, values: np.ndarray) -> None:
    for digit in range(width):
        filled[:, place + digit] = _DIGITS[(values >> np.uint64(4 * (width - 1 - digit))) & np.uint64(15)]
