"""One session: whose it was, and what happened in it, in order."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import Money, Shown, View
from rvbbit_otel.page.waterfall import waterfall

_LINES: Final = 300
_EVER: Final = {"since": 31_536_000, "until": 4_260_211_200}


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """All of one session, or of it what one caller has."""
    session = address.get("id")
    if not session:
        raise ConfigurationError("a session is named by its id: /page/session?id=...")
    state, children, rows = await together(
        asker("session", session=session),
        asker("session_children", session=session),
        asker(
            "waterfall",
            **_EVER,
            caller=address.get("caller"),
            session=session,
            after=address.nanoseconds("after"),
            after_trace=address.get("after_trace"),
            after_span=address.get("after_span"),
            limit=_LINES + 1,
        ),
    )
    shown = rows.rows[:_LINES]
    return {
        "id": session,
        "states": [{**row, "money": Money.of(row)} for row in state.rows],
        "children": children.rows,
        "parent": next((row["parent_session_id"] for row in state.rows if row["parent_session_id"]), ""),
        "waterfall": waterfall(shown),
        "lines": len(shown),
        "next": shown[-1] if len(rows.rows) > _LINES else None,
        "continued": bool(address.get("after")),
        "http_status": 200 if state.rows or shown else 404,
    }


VIEW: Final = View("session", "One session", "session.html", build, "waterfall")
