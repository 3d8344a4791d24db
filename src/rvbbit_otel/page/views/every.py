"""All views, in the order of the tabs."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.page.views import caller, callers, cost, health, row, rows, session, sql, trust
from rvbbit_otel.page.views.view import View

VIEWS: Final[tuple[View, ...]] = (
    callers.VIEW,
    caller.VIEW,
    trust.VIEW,
    trust.RULE,
    rows.VIEW,
    row.VIEW,
    session.VIEW,
    cost.VIEW,
    sql.VIEW,
    health.VIEW,
)
