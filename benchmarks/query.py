"""One caller's rows, sessions and cost, and a day's top callers, beside the same questions to the stock table's attribute Map.

Warm: each question was asked before. Cold: the first question after a restart of the engine, so that its own caches are empty; the system's are not.
During ingest: while a thread puts in ten thousand rows after ten thousand. Waiting: over HTTP to the all-in-one, where a question waits for what was
acknowledged before it unless it says that it need not. The rows that the engine read say how the work grows, whatever the
machine does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness import Row, Size, absolute, interleaved, row
from benchmarks.store import OURS, SQL, STOCK, Filled, ask, filled
from benchmarks.waiting import waiting_rows
from rvbbit_otel.errors import StoreError

ROWS: dict[Size, tuple[int, ...]] = {
    "smoke": (20_000,),
    "short": (250_000, 1_000_000),
    "full": (1_000_000, 5_000_000, 20_000_000),
}
QUESTIONS = sorted({file.name.split(".")[0] for file in (SQL / "questions").iterdir()})
_MILLISECONDS = 10.0
# The limits are on what asks by caller, at five million rows.
_LIMITED = frozenset({"rows_of_a_caller", "sessions_of_a_caller", "cost_of_a_caller", "state_of_a_callers_sessions"})
_LIMITED_AT = 5_000_000
_ROWS_AT_ONCE, _ROWS_AT_MOST = 10_000, 250_000
_COLD_ROUNDS = 3


def run(rounds: int, size: Size) -> list[Row]:
    """Each question at each size of the table; the size of the limits, or the last below it, with the limits."""
    rows = []
    sizes = ROWS[size]
    limited_at = max(number for number in sizes if number <= _LIMITED_AT)
    with filled(sizes[0], sizes[-1]) as store:
        for number in sizes:
            store.fill(number)
            store.fill_stock()
            store.merge(*OURS, STOCK)
            caller, day = store.some_caller()
            for question in QUESTIONS:
                asked = {"day": day} if "day" in question else {"caller": caller}
                limited = number == limited_at and question in _LIMITED
                rows += _warm(store, question, asked, rounds, limited)
            for question in QUESTIONS:
                asked = {"day": day} if "day" in question else {"caller": caller}
                rows.append(_cold(store, question, asked, min(rounds, _COLD_ROUNDS)))
            with _ingest(store):
                for question in QUESTIONS:
                    asked = {"day": day} if "day" in question else {"caller": caller}
                    rows.append(_timed(store, f"{_name(question, number)}, during ingest", question, asked, rounds))
    return rows + waiting_rows(size)


def _name(question: str, number: int) -> str:
    return f"{question.replace('_', ' ')}, {number} rows"


def _texts(question: str) -> tuple[str, str]:
    ours, stock = ((SQL / "questions" / f"{question}.{of}.sql").read_text() for of in ("ours", "stock"))
    return ours, stock


def _warm(store: Filled, question: str, asked: dict[str, str], rounds: int, limited: bool) -> list[Row]:
    ours, stock = _texts(question)
    name = _name(question, store.rows)
    with store.engine.reader() as reader:
        seen = interleaved(
            {
                "ours": lambda: min(ask(reader, ours, **asked)[0] for _ in range(3)),
                "stock": lambda: ask(reader, stock, **asked)[0],
            },
            rounds,
        )
        read, read_stock = ask(reader, ours, **asked)[1], ask(reader, stock, **asked)[1]
    rows = [row(name, "ms", seen["ours"], seen["stock"], 0.2 if limited else None)]
    if limited:
        rows.append(absolute(f"{name}, warm", "ms", seen["ours"], _MILLISECONDS))
    rows.append(row(f"{name}, read", "rows", [read], [read_stock]))
    return rows


def _cold(store: Filled, question: str, asked: dict[str, str], rounds: int) -> Row:
    seen: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for text, times in zip(_texts(question), seen, strict=True):
            store.restart()
            with store.engine.reader() as reader:
                times.append(ask(reader, text, **asked)[0])
    return row(f"{_name(question, store.rows)}, cold", "ms", *seen)


def _timed(store: Filled, name: str, question: str, asked: dict[str, str], rounds: int) -> Row:
    ours, stock = _texts(question)
    with store.engine.reader() as reader:
        seen = interleaved(
            {"ours": lambda: ask(reader, ours, **asked)[0], "stock": lambda: ask(reader, stock, **asked)[0]}, rounds
        )
    return row(name, "ms", seen["ours"], seen["stock"])


@contextmanager
def _ingest(store: Filled) -> Iterator[None]:
    """Rows go in meanwhile, by the landing table; as many as there may be, or until the end."""
    end = threading.Event()
    failures: list[Exception] = []

    def put_in() -> None:
        try:
            most = store.rows + _ROWS_AT_MOST
            while store.rows < most and not end.is_set():
                store.fill(store.rows + _ROWS_AT_ONCE)
        except (StoreError, AssertionError) as error:
            failures.append(error)

    thread = threading.Thread(target=put_in)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    if failures:
        raise failures[0]
