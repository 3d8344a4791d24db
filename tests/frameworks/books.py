"""What the store says that a caller used, against what the stub's books say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from tests.frameworks.running import Ran
from tests.frameworks.stub import Call

# Tokens in, tokens out, dollars.
Used = tuple[int, int, Decimal]


def in_the_books(calls: Iterable[Call]) -> Used:
    """What the stub says that these cost together."""
    calls = list(calls)
    return (
        sum(call.tokens_in for call in calls),
        sum(call.tokens_out for call in calls),
        sum((call.cost for call in calls), Decimal(0)),
    )


def stored_by(ran: Ran, columns: str) -> dict[tuple[str, ...], Used]:
    """What `unified_logs` adds up to by these columns, whoever told of it; nothing where nothing was used."""
    rows = ran.ask(
        f"SELECT {columns}, sum(tokens_in) AS sum_in, sum(tokens_out) AS sum_out, toString(sum(cost)) AS dollars FROM unified_logs "
        f"WHERE service_name = '{{service}}' GROUP BY {columns} HAVING sum_in != 0 OR sum_out != 0 OR sum(cost) != 0"
    )
    names = columns.split(", ")
    return {
        tuple(row[name] for name in names): (int(row["sum_in"]), int(row["sum_out"]), Decimal(row["dollars"]))
        for row in rows
    }


def assert_books(ran: Ran) -> None:
    """Tokens and dollars by caller, the sum of each, are what the stub gave out; nothing is left over, and no price is wanting."""
    assert stored_by(ran, "caller_id") == {(caller,): in_the_books(ran.books.of(caller)) for caller in ran.callers}
    assert ran.books.strangers == []
    unpriced = ran.ask(
        "SELECT caller_id, model, cost_source FROM unified_logs WHERE service_name = '{service}' AND cost_source = 'unpriced'"
    )
    assert unpriced == []


def assert_books_by_run(ran: Ran) -> None:
    """What each run used stands in one session of its caller's, and in no two."""
    stored = stored_by(ran, "caller_id, session_id")
    booked = Counter((caller, in_the_books(calls)) for (caller, _), calls in ran.books.calls.items())
    assert Counter((caller, used) for (caller, _), used in stored.items()) == booked
