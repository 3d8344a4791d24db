"""The registry with a thousand to a million live sessions, beside a plain dict: look-up, memory, the longest pause."""

from __future__ import annotations

import gc
import time
import tracemalloc

from benchmarks.harness import Row, Size, interleaved, nanoseconds_a_call, row
from rvbbit_otel.caller import Caller, SessionId
from rvbbit_otel.registry import EchoRegistry

CALLS: dict[Size, int] = {"smoke": 1_000, "short": 100_000, "full": 100_000}
SESSIONS: dict[Size, tuple[int, ...]] = {
    "smoke": (1_000,),
    "short": (1_000, 100_000, 1_000_000),
    "full": (1_000, 100_000, 1_000_000),
}


def run(rounds: int, size: Size) -> list[Row]:
    """Look-ups against a dict's, bytes a session, and the longest single call while every session expires."""
    rows = []
    calls = CALLS[size]
    for sessions in SESSIONS[size]:
        caller = Caller.of("sql-clever-fox-abc123")
        plain = {f"session-{number:09}": caller for number in range(sessions)}
        names = list(plain)
        gc.collect()
        tracemalloc.start()
        registry = EchoRegistry(max_sessions=sessions)
        for name in names:
            registry.open(SessionId(name), caller)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        key = names[sessions // 2]
        seen = interleaved(
            {
                "ours": lambda registry=registry, key=key: nanoseconds_a_call(lambda: registry.get(key), calls),
                "dict": lambda plain=plain, key=key: nanoseconds_a_call(lambda: plain.get(key), calls),
            },
            rounds,
        )
        rows.append(row(f"look-up, {sessions} sessions", "ns a call", seen["ours"], seen["dict"], 2.0))
        bytes_each = held / sessions
        rows.append(
            Row(f"memory, {sessions} sessions", round(bytes_each, 1), "bytes a session", 0.0, 0.0, 0.0, None, True)
        )
        pause = _longest_call(registry, names)
        rows.append(
            Row(
                f"expiry, {sessions} sessions",
                round(pause, 3),
                "ms, longest call",
                5.0,
                round(pause / 5, 3),
                0.0,
                1.0,
                pause <= 5,
            )
        )
    return rows


def _longest_call(registry: EchoRegistry, names: list[str]) -> float:
    """Replace every session by a new one, ended ones first; milliseconds of the slowest call's own time."""
    longest = 0
    gc.collect()
    gc.disable()
    try:
        for number, name in enumerate(names):
            start = time.thread_time_ns()
            registry.end(SessionId(name))
            registry.open(SessionId(f"next-{number}"))
            longest = max(longest, time.thread_time_ns() - start)
    finally:
        gc.enable()
    return longest / 1e6
