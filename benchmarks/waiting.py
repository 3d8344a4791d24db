"""A question that waits for what was acknowledged before it, beside one that asks for what there is: on an idle store, and while spans come in.

Over HTTP to the real all-in-one, on one connection, by turns.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.support.all_in_one import running_all_in_one

from benchmarks.harness import Row, Size, row, shown
from benchmarks.load import Send, by_grpc, for_seconds, send_all, wait_until_stored
from benchmarks.recorded import SPANS, Bodies, span
from benchmarks.store import SQL

_QUESTION = "cost_of_a_caller"
# Bodies that are there before anything is asked.
_BODIES: dict[Size, int] = {"smoke": 2, "short": 50, "full": 200}
_SECONDS: dict[Size, float] = {"smoke": 1.0, "short": 10.0, "full": 30.0}
_ASKED: dict[Size, int] = {"smoke": 5, "short": 200, "full": 1_000}
# Spans a second, and how many are sent at once, ten times a second or twenty: an exporter's batch at most.
_RATES = ((1_000, 100), (10_000, 500))
# Spans of the load have numbers of their own.
_FIRST = 50_000_000
_IDLE_LIMIT = 1.25
_BETWEEN_SECONDS = 0.02


def waiting_rows(size: Size) -> list[Row]:
    """Each question asked both ways, by turns."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as name,
        running_all_in_one(Path(name) / "data", stop_seconds=120) as store,
        by_grpc(store.otlp_grpc) as send,
    ):
        send_all(send, Bodies(), range(_BODIES[size]))
        wait_until_stored(store.otlp_http)
        asked = _Asked(store.clickhouse, str(span(SPANS).attributes["rvbbit.caller.id"]))
        pairs = [(asked(wait=True), asked(wait=False)) for _ in range(_ASKED[size])]
        waits, others = [first for first, _ in pairs], [second for _, second in pairs]
        rows.append(
            row("a question on an idle store, waiting, beside one that does not", "ms", waits, others, _IDLE_LIMIT)
        )
        for rate, spans in _RATES:
            with _load(send, rate, spans, _SECONDS[size]) as running:
                pairs = []
                while running() or not pairs:
                    pairs.append((asked(wait=True), asked(wait=False)))
                    time.sleep(_BETWEEN_SECONDS)
            for what, seen in (("waiting", [w for w, _ in pairs]), ("not waiting", [n for _, n in pairs])):
                case = f"a question during {rate} spans/s, {what}"
                rows.append(shown(f"{case}, p50", "ms", statistics.median(seen)))
                rows.append(shown(f"{case}, p99", "ms", sorted(seen)[int(len(seen) * 0.99)]))
            wait_until_stored(store.otlp_http)
    return rows


class _Asked:
    """Asks for one caller's cost; milliseconds until the answer is there."""

    def __init__(self, address: str, caller: str) -> None:
        self._connection = http.client.HTTPConnection(str(urlsplit(address).netloc), timeout=120)
        self._text = (SQL / "questions" / f"{_QUESTION}.ours.sql").read_bytes()
        self._path = f"/?param_caller={quote(caller)}"

    def __call__(self, *, wait: bool) -> float:
        start = time.perf_counter()
        self._connection.request(
            "POST", self._path if wait else f"{self._path}&select_sequential_consistency=0", self._text
        )
        response = self._connection.getresponse()
        answer = response.read()
        took = (time.perf_counter() - start) * 1000
        if response.status != 200 or not answer.strip():
            raise AssertionError(f"the question was answered with {response.status}: {answer[:200]!r}")
        return took


@contextmanager
def _load(send: Send, rate: int, spans: int, seconds: float) -> Iterator[Callable[[], bool]]:
    """While spans come in at a rate; what it gives says whether they still do."""
    made, first = Bodies(spans, step_ns=10**9 // rate), _FIRST * (1 + [each for each, _ in _RATES].index(rate)) // spans
    thread = threading.Thread(
        target=lambda: send_all(send, made, for_seconds(first, seconds, spans / rate), senders=2), daemon=True
    )
    thread.start()
    try:
        yield thread.is_alive
    finally:
        thread.join()
