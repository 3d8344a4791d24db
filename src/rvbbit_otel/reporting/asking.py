"""Asks a store for a report."""

from __future__ import annotations

from rvbbit_otel.reporting.report import Report
from rvbbit_otel.storage.accounts import EVER, by_caller, by_model, by_source
from rvbbit_otel.storage.audits import SINCE, has_rows, load_audits, run_audit
from rvbbit_otel.storage.database import Database


def report_on(database: Database, caller: str = "", since: str = EVER, period: str = "all rows") -> Report:
    """Return the report on all rows from `since` on. Of one caller no rule is asked: rules are about all rows."""
    rules = [] if caller else verdicts(database, since)
    return Report(
        period,
        by_caller(database, since, caller),
        by_source(database, since, caller),
        by_model(database, since, caller),
        rules,
    )


def verdicts(database: Database, since: str = EVER) -> list[tuple[str, bool | None]]:
    """Each rule and whether it holds; None where there is no row that it could be broken by."""
    tried = has_rows(database, since)
    found: list[tuple[str, bool | None]] = []
    for audit in load_audits():
        if audit.is_rule:
            holds = run_audit(database, audit, {SINCE: since} if audit.has_window else {}).holds
            found.append((audit.name, holds if tried or not holds else None))
    return found
