"""One caller as a piece of HTML, for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rvbbit_otel.reporting import words
from rvbbit_otel.reporting.report import as_table

if TYPE_CHECKING:
    from rvbbit_otel.storage.accounts import Account


def account_html(account: Account) -> str:
    """What `rvbbit-otel show` prints, as HTML; no text of a caller is markup."""
    models = [
        (
            line.name,
            line.about,
            f"{line.sums.calls:,}",
            words.tokens(line.sums),
            words.dollars(line.sums.cost, line.sums.calls_unpriced),
        )
        for line in account.models
    ]
    sessions = [
        (str(each["session_id"]), str(each["status"]), str(each["cascade_id"]), str(each["error"]))
        for each in account.sessions
    ]
    text = f"<pre>{escape(account.text)}</pre>" if account.text else ""
    return (
        f"<h3><bdi>{escape(account.caller_id)}</bdi> <small>{escape(account.origin)}</small></h3>{text}<p>{escape(words.sentence(account))}</p>"
        f"{as_table(('model', 'provider', 'calls', 'tokens', 'dollars'), models)}"
        f"{as_table(('session', 'status', 'cascade', 'error'), sessions)}"
    )
