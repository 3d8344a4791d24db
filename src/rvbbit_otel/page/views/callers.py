"""The home view: whose work there was, not which traces; what it cost, and how that is known."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views import charted
from rvbbit_otel.page.views.view import Money, Shown, View, latest, total

ORDERS: Final = ("when", "caller", "sessions", "rows", "tokens", "cost", "errors", "p95", "known")
SOURCES: Final = ("explicit", "echo", "baggage", "repair", "inherited")
_PAGE: Final = 50


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """Callers of the range, those sums that no caller's row shows, and a chart."""
    window = address.window
    order = address.one_of("order", ORDERS, "when")
    direction = address.one_of("dir", ("asc", "desc"), "asc" if order == "caller" else "desc")
    place = int(address.number("page", 0))
    by, measure = address.one_of("by", charted.BY, "origin"), address.one_of("measure", charted.MEASURES, "dollars")
    source = address.get("source")
    if source:
        address.one_of("source", SOURCES, "")
    callers, sums, extent = await together(
        asker(
            "callers",
            **window.parameters,
            origin=address.get("origin"),
            source=source,
            model=address.get("model"),
            q=address.get("q"),
            order=order,
            direction=1 if direction == "asc" else -1,
            limit=_PAGE,
            offset=place * _PAGE,
        ),
        asker("callers_sums", **window.parameters),
        asker("extent", **window.parameters),
    )
    parts = {row["part"]: row for row in sums.rows}
    found = callers.first.get("callers", 0)
    return {
        "rows": [
            {**row, "money": Money.of(row), "known": {name: row[f"rows_{name}"] for name in SOURCES}}
            for row in callers.rows
        ],
        "found": found,
        "parts": parts,
        "weak": {**parts["weak"], "money": Money.of(parts["weak"])} if "weak" in parts else None,
        "nobody": {**parts["nobody"], "money": Money.of(parts["nobody"])} if "nobody" in parts else None,
        "all": {
            "money": Money(
                total(sums.rows, "cost"),
                total(sums.rows, "cost_stated"),
                total(sums.rows, "cost_computed"),
                total(sums.rows, "calls_unpriced"),
            ),
            "rows": total(sums.rows, "rows"),
            "tokens": total(sums.rows, "tokens_in") + total(sums.rows, "tokens_out"),
            "errors": total(sums.rows, "errors"),
            "last_row": latest(sums.rows, "last_row"),
        },
        "extent": extent.first,
        "order": order,
        "direction": direction,
        "filtered": any(address.get(name) for name in ("q", "origin", "source", "model")),
        "place": place,
        "first": place * _PAGE + 1,
        "more": found > (place + 1) * _PAGE,
        "chart": await charted.chart(asker, address, extent.first, by, measure),
        "by": by,
        "measure": measure,
        "bys": charted.BY,
        "measures": charted.MEASURES,
        "sources": SOURCES,
    }


VIEW: Final = View("callers", "Callers", "callers.html", build, "callers")
