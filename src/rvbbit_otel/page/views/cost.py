"""Cost: who pays for what, by whichever name, and what of it is only a lower bound."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views import charted
from rvbbit_otel.page.views.view import Money, Shown, View, total

BY: Final = ("caller", "origin", "cascade", "model", "service", "day", "metadata")
# What a chart over time can be stacked by, for each.
_STACKED: Final = {"caller": "caller", "cascade": "cascade", "model": "model"}
_LINES: Final = 1000


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """Chargeback lines of the time range, the models without a price, and a chart."""
    window = address.window
    by = address.one_of("by", BY, "origin")
    lines, unpriced, keys, extent = await together(
        asker("cost", **window.parameters, by=by, key=address.get("key"), limit=_LINES),
        asker("unpriced", **window.parameters),
        asker("metadata_keys"),
        asker("extent", **window.parameters),
    )
    names = ("cost", "cost_stated", "cost_computed", "calls_unpriced")
    return {
        "rows": [{**row, "money": Money.of(row)} for row in lines.rows],
        "lines": lines.first.get("lines", 0),
        "of_all": lines.first.get("cost_of_all", 0),
        "sum": Money.of({name: total(lines.rows, name) for name in names}),
        "weak": total(lines.rows, "cost_weak"),
        "unpriced": unpriced.rows,
        "keys": [row["key"] for row in keys.rows],
        "key": address.get("key"),
        "by": by,
        "bys": BY,
        "extent": extent.first,
        "chart": await charted.chart(asker, address, extent.first, _STACKED.get(by, "origin"), "dollars"),
    }


VIEW: Final = View("cost", "Cost", "cost.html", build, "cost")
