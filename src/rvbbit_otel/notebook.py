"""A caller's report, or that of all, as a notebook shows it."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.reporting.account import account_html
from rvbbit_otel.reporting.asking import report_on
from rvbbit_otel.storage import accounts
from rvbbit_otel.storage.client import ClickHouseDatabase

DEFAULT_DSN: Final = "http://127.0.0.1:8123/default"


class NotebookReport:
    """The result of `report`: shown as HTML by Jupyter and as text elsewhere, with its rows as a data frame. New in
    version 0.1.

    rows: a list of dictionaries, a row of unified_logs each; of a report on all, a caller each.
    """

    def __init__(self, html: str, text: str, rows: list[dict[str, Any]]) -> None:
        """Keep what was asked."""
        self._html = html
        self._text = text
        self.rows = rows

    @property
    def frame(self) -> Any:
        """The rows as a pandas DataFrame. Raises ConfigurationError if pandas is not installed."""
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]  # Whoever has a notebook has it; nobody else needs it.
        except ImportError:
            raise ConfigurationError("a data frame needs pandas: pip install pandas") from None
        return pandas.DataFrame(self.rows)

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def report(caller: str | None = None, *, last: timedelta | None = None, dsn: str | None = None) -> NotebookReport:
    """Ask a store for the report on one caller, or on all. New in version 0.1.

    `last` is how far back it goes, None for all rows. `dsn` is the store: by default what RVBBIT_OTEL_DSN says, else
    ``http://127.0.0.1:8123/default``. Raises ConfigurationError for a caller without rows, and StoreError if the store can't answer.
    """
    database = ClickHouseDatabase(dsn or os.environ.get("RVBBIT_OTEL_DSN") or DEFAULT_DSN)
    since, period = accounts.EVER, "all rows"
    if last is not None:
        begin = datetime.now(timezone.utc) - last
        since, period = str(int(begin.timestamp())), f"since {begin:%Y-%m-%d %H:%M:%S} UTC"
    try:
        if caller is None:
            made = report_on(database, "", since, period)
            return NotebookReport(made.as_html_part(), f"Callers, {period}: {made.summary}", made.as_json()["callers"])
        account = accounts.account(database, caller, since)
        if account is None:
            raise ConfigurationError(
                f"there is no row of caller {caller}, {period}; report() lists the callers that there are"
            )
        rows = accounts.rows_of(database, caller, since)
    finally:
        database.close()
    from rvbbit_otel.reporting import words

    return NotebookReport(account_html(account), f"{caller}: {words.sentence(account)}", rows)
