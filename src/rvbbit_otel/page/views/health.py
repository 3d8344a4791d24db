"""Health: is the store fresh, how large is it, and what did not make it into its tables."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import Shown, View, total
from rvbbit_otel.storage.audits import QUARANTINED, SET_ASIDE, find_audit


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """Build the view of the store's health."""
    tables, fresh, left_out, migrations, aside, quarantined = await together(
        asker("health_tables"),
        asker("health_fresh"),
        asker("health_left_out"),
        asker("health_migrations"),
        asker.ask(SET_ASIDE, find_audit(SET_ASIDE).sql, {}),
        asker.ask(QUARANTINED, find_audit(QUARANTINED).sql, {}),
    )
    return {
        "tables": tables.rows,
        "bytes": total(tables.rows, "bytes"),
        "unpacked": total(tables.rows, "bytes_unpacked"),
        "parts": total(tables.rows, "parts"),
        "fresh": fresh.first,
        "left_out": left_out.rows,
        "schema": migrations.first,
        "aside": aside.rows,
        "quarantined": quarantined.rows,
    }


VIEW: Final = View("health", "Health", "health.html", build, "health_tables")
