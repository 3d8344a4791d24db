"""Rows, by text, attribute, kind, model, status, length and cost; pages go by key."""

from __future__ import annotations

from typing import Any, Final

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, Row, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import Shown, View

_PAGE: Final = 100
# Fields of the address that are a question's parameters of the same name.
FILTERS: Final = (
    "caller",
    "session",
    "trace",
    "kind",
    "model",
    "service",
    "source",
    "priced",
    "status",
    "conflict",
    "q",
    "attribute",
    "value",
)
FACETS: Final = {
    "kind": "Kind",
    "status": "Status",
    "model": "Model",
    "source": "Caller known by",
    "priced": "Cost",
    "service": "Service",
}
# Columns that can be left away, in their order.
COLUMNS: Final = ("caller", "session", "model", "service", "took", "tokens", "dollars", "source")
_USUAL: Final = ("caller", "took", "tokens", "dollars", "source")


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """A page of rows, and what the filters beside it offer."""
    window = address.window
    filters = {name: address.get(name) for name in FILTERS}
    rows, facets, extent = await together(
        asker(
            "rows",
            **window.parameters,
            **filters,
            least_cost=str(address.number("least_cost")),
            least_ms=str(address.number("least_ms")),
            before=address.nanoseconds("before"),
            before_trace=address.get("before_trace"),
            before_span=address.get("before_span"),
            limit=_PAGE + 1,
        ),
        asker("facets", **window.parameters, caller=filters["caller"], session=filters["session"]),
        asker("extent", **window.parameters),
    )
    groups: dict[str, list[Row]] = {name: [] for name in FACETS}
    for row in facets.rows:
        groups[row["facet"]].append(row)
    chosen = [name for name in address.get("columns").split(",") if name in COLUMNS] or list(_USUAL)
    used: dict[str, Any] = {name: value for name, value in filters.items() if value}
    used |= {name: address.get(name) for name in ("least_cost", "least_ms") if address.get(name)}
    return {
        "rows": rows.rows[:_PAGE],
        "last": rows.rows[_PAGE - 1] if len(rows.rows) > _PAGE else None,
        "facets": {FACETS[name]: (name, group) for name, group in groups.items() if group},
        "extent": extent.first,
        "used": used,
        "columns": chosen,
        "every_column": COLUMNS,
        "continued": bool(address.get("before")),
    }


VIEW: Final = View("rows", "Rows", "rows.html", build, "rows")
