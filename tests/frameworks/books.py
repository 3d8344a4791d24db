"""What the store says that a caller used, against what the stub's books say."""

from __future__ import annotations

from tests.frameworks.running import Ran


def assert_books(ran: Ran) -> None:
    """Tokens by caller, the sum of each, are what the stub gave out; nothing is left over."""
    stored = {
        row["caller_id"]: (int(row["tokens_in"]), int(row["tokens_out"]))
        for row in ran.ask(
            "SELECT caller_id, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out FROM unified_logs "
            "WHERE service_name = '{service}' GROUP BY caller_id HAVING tokens_in > 0 OR tokens_out > 0"
        )
    }
    books = {
        caller: (sum(call.tokens_in for call in calls), sum(call.tokens_out for call in calls))
        for caller, calls in ((caller, ran.books.of(caller)) for caller in ran.callers)
    }
    assert stored == books
    assert ran.books.strangers == []
