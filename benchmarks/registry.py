"""The registry with a thousand to a million live sessions, beside a plain dict: look-up, memory, the longest pauses."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable

from benchmarks.harness import Row, Size, interleaved, nanoseconds_a_call, row
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.registry import EchoRegistry

CALLS: dict[Size, int] = {"smoke": 1_000, "short": 100_000, "full": 100_000}
_PAUSE = 5.0
SESSIONS: dict[Size, tuple[int, ...]] = {
    "smoke": (1_000,),
    "short": (1_000, 100_000, 1_000_000),
    "full": (1_000, 100_000, 1_000_000),
}


def run(rounds: int, size: Size) -> list[Row]:
    """Look-ups against a dict's, bytes a session, and the longest single calls while sessions open and expire."""
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
        for what, pause, limit in (
            ("opening", _longest_opening(sessions), _PAUSE),
            ("expiry", _longest_expiry(sessions), _PAUSE),
        ):
            rows.append(
                Row(
                    f"{what}, {sessions} sessions",
                    round(pause, 3),
                    "ms, longest call",
                    _PAUSE,
                    round(pause / _PAUSE, 3),
                    0.0,
                    1.0 if limit else None,
                    limit is None or pause <= limit,
                )
            )
    return rows


def _longest_opening(sessions: int) -> float:
    """An empty registry grows, and then takes as many sessions again in the place of the oldest; milliseconds of the slowest call's own time."""
    registry = EchoRegistry(max_sessions=sessions)
    return _longest(lambda number: registry.open(SessionId(f"next-{number}")), 2 * sessions)


def _longest_expiry(sessions: int) -> float:
    """All sessions have ended and are due at once: the calls that forget them."""
    now = [0.0]
    registry = EchoRegistry(max_sessions=sessions + 1, ended_ttl=1.0, clock=lambda: now[0])
    for number in range(sessions):
        registry.open(SessionId(f"session-{number:09}"))
        registry.end(SessionId(f"session-{number:09}"))
    now[0] = 10.0
    alive = SessionId("alive")
    registry.open(alive)
    slowest = _longest(lambda _: registry.open(alive), sessions)
    if len(registry) != 1:
        raise AssertionError(f"{len(registry) - 1} sessions were not forgotten")
    return slowest


def _longest(call: Callable[[int], object], times: int) -> float:
    longest = 0
    gc.collect()
    gc.disable()
    try:
        for number in range(times):
            start = time.thread_time_ns()
            call(number)
            longest = max(longest, time.thread_time_ns() - start)
    finally:
        gc.enable()
    return longest / 1e6
