"""One caller: what it left behind and cost in one sentence, and everything that the sentence is made of."""

from __future__ import annotations

import json
from typing import Any, Final

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Answer, Asker, Row, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import Money, Shown, View, latest, total
from rvbbit_otel.page.waterfall import tree, waterfall

# What of the metadata says in one text what the caller asked for.
_TEXTS: Final = ("sql_query", "route", "job")
_LINES: Final = 200
# A caller is shown whole unless the address names a range.
_EVER: Final = {"since": 31_536_000, "until": 4_260_211_200}


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """Everything of one caller; `with` names another one to compare it with."""
    caller = address.get("id")
    other = address.get("with")
    times = (
        address.window.parameters
        if any(address.get(name) for name in ("last", "from", "to")) and address.get("narrow")
        else _EVER
    )
    of: dict[str, str | int] = {"caller": caller, **times}
    about, totals, money, sessions, errors, conflicts, alike, rows = await together(
        asker("caller_about", caller=caller),
        asker("caller_totals", **of),
        asker("caller_money", **of),
        asker("caller_sessions", caller=caller),
        asker("caller_errors", **of),
        asker("caller_conflicts", **of),
        asker("caller_alike", caller=caller),
        asker("waterfall", **of, session="", limit=_LINES + 1, **_after(address)),
    )
    metadata = _metadata(about)
    said = next((str(metadata[name]) for name in _TEXTS if metadata.get(name)), "")
    shown = rows.rows[:_LINES]
    return {
        "id": caller,
        "about": about.first,
        "text": said,
        "metadata": {key: _plain(value) for key, value in metadata.items() if key not in _TEXTS or str(value) != said},
        "sources": totals.rows,
        "totals": _summed(totals),
        "origin": about.first.get("origin") or totals.first.get("origin", ""),
        "where": [{**row, "money": Money.of(row)} for row in money.rows],
        "sessions": [({**row, "money": Money.of(row)}, depth) for row, depth in tree(sessions.rows)],
        "all_sessions": sessions.first.get("sessions", 0),
        "errors": errors.rows,
        "conflicts": conflicts.rows,
        "waterfall": waterfall(shown),
        "lines": len(shown),
        "next": shown[-1] if len(rows.rows) > _LINES else None,
        "continued": bool(address.get("after")),
        "alike": alike.rows,
        "traces": list(dict.fromkeys(row["trace_id"] for row in shown))[:5] if options.jaeger else [],
        "other": await _compared(asker, other) if other else None,
    }


async def _compared(asker: Asker, other: str) -> Row:
    answer = await asker("caller_totals", caller=other, **_EVER)
    return {"id": other, "totals": _summed(answer)}


def _after(address: Address) -> dict[str, str | int]:
    return {
        "after": address.nanoseconds("after"),
        "after_trace": address.get("after_trace"),
        "after_span": address.get("after_span"),
    }


def _summed(answer: Answer) -> Row:
    rows = answer.rows
    names = ("rows", "calls", "tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning", "errors", "conflicts")
    money = ("cost", "cost_stated", "cost_computed", "calls_unpriced")
    first = min((row["first_row"] for row in rows), default=None)
    ends = max((row["ends_at"] for row in rows), default=0)
    return {
        **{name: total(rows, name) for name in names},
        "money": Money.of({name: total(rows, name) for name in money}),
        "sessions": rows[0]["sessions"] if rows else 0,
        "traces": rows[0]["traces"] if rows else 0,
        "first_row": first,
        "last_row": latest(rows, "last_row"),
        "took_ms": ends / 1e6 - first.timestamp() * 1e3 if first else None,
    }


def _metadata(about: Answer) -> dict[str, Any]:
    try:
        found = json.loads(about.first.get("metadata") or "{}")
    except ValueError:
        return {"metadata": about.first["metadata"]}
    return found if isinstance(found, dict) else {"metadata": found}


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


VIEW: Final = View("caller", "One caller", "caller.html", build, "caller_sessions")
