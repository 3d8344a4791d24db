"""One caller's rows, sessions and cost, and a day's top callers, beside the same questions to the stock table's attribute Map.

Warm: each question was asked before. The rows that the engine read say how the work grows, whatever the machine does.
"""

from __future__ import annotations

from benchmarks.harness import Row, Size, absolute, interleaved, row, shown
from benchmarks.store import OURS, SQL, STOCK, Filled, ask, filled

ROWS: dict[Size, tuple[int, ...]] = {
    "smoke": (20_000,),
    "short": (250_000, 1_000_000),
    "full": (1_000_000, 5_000_000),
}
QUESTIONS = sorted({file.name.split(".")[0] for file in (SQL / "questions").iterdir()})
_GRANULE = 8192
_MILLISECONDS = 10.0
# The limit is on what asks by caller.
_LIMITED = frozenset({"rows_of_a_caller", "sessions_of_a_caller", "cost_of_a_caller"})


def run(rounds: int, size: Size) -> list[Row]:
    """Each question at each size of the table; the last with the limits."""
    rows = []
    sizes = ROWS[size]
    with filled(sizes[0], sizes[-1]) as store:
        for number in sizes:
            store.fill(number)
            store.fill_stock()
            store.merge(*OURS, STOCK)
            for question in QUESTIONS:
                rows += _ask(store, question, rounds, number == sizes[-1])
    return rows


def _ask(store: Filled, question: str, rounds: int, largest: bool) -> list[Row]:
    ours, stock = ((SQL / "questions" / f"{question}.{of}.sql").read_text() for of in ("ours", "stock"))
    caller, day = store.some_caller()
    asked = {"day": day} if "day" in question else {"caller": caller}
    with store.engine.reader() as reader:
        seen = interleaved(
            {
                "ours": lambda: min(ask(reader, ours, **asked)[0] for _ in range(3)),
                "stock": lambda: ask(reader, stock, **asked)[0],
            },
            rounds,
        )
        read, read_stock = ask(reader, ours, **asked)[1], ask(reader, stock, **asked)[1]
    name = f"{question.replace('_', ' ')}, {store.rows} rows"
    limited = largest and question in _LIMITED
    rows = [row(name, "ms", seen["ours"], seen["stock"], 0.2 if limited else None)]
    if limited:
        rows.append(absolute(f"{name}, warm", "ms", seen["ours"], _MILLISECONDS))
    rows.append(row(f"{name}, read", "rows", [read], [read_stock]))
    rows.append(shown(f"{name}, read", "granules", -(-read // _GRANULE)))
    return rows
