"""One row: all that is stored of it, why this caller, and why this number."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views.view import Shown, View

# How each source is known, in a sentence.
WHY: Final = {
    "explicit": "The span itself names it: by an attribute, a hook, or called_by around it.",
    "echo": "Its session remembers who triggered it, and the row names that session.",
    "baggage": "A sender that is trusted said so in its baggage.",
    "repair": "It named nobody when it was sent; the run that it belongs to was known later.",
    "inherited": "Only inherited: what it was started by had ended. Most likely right, not surely.",
    "none": "Nobody claims it. It is never split over others, nor guessed.",
}
COST: Final = {
    "stated": "The span states it.",
    "unpriced": "It has tokens, and nobody knows the price of its model: every sum that holds it is a lower bound.",
    "awaited": "Its price comes in a row of its own; until then it counts as unpriced.",
    "elsewhere": "Another row of the same call states what it cost.",
    "": "It is no call to a model that counts, so it costs nothing.",
}
_SECRET: Final = "[redacted"
_NOT_SHOWN: Final = ("content", "metadata", "error")


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """One row by the ids of its span."""
    trace, span = address.get("trace"), address.get("span")
    if not trace or not span:
        raise ConfigurationError("a row is named by trace and span: /page/row?trace=...&span=...")
    found, as_sent = await together(asker("row", trace=trace, span=span), asker("row_span", trace=trace, span=span))
    row = found.first
    if not row:
        return {"row": None, "http_status": 404}
    nanoseconds = int(row["timestamp"].timestamp()) * 10**9 + row["timestamp"].microsecond * 1000
    others, calls = await together(
        asker("row_others", trace=trace, session=row["session_id"], parent=row["parent_id"] or "-"),
        asker(
            "row_call",
            trace=trace,
            session=row["session_id"],
            begins=nanoseconds,
            ends=nanoseconds + int(row["duration_ms"] * 1_000_000) + 1000,
        ),
    )
    sent = as_sent.first
    attributes = {**sent.get("SpanAttributes", {})}
    cost_source = row["cost_source"]
    return {
        "row": row,
        "why": WHY.get(row["caller_source"] if row["caller_id"] else "none", WHY["none"]),
        "why_cost": f"Computed from its tokens by the price table {cost_source[9:]}."
        if cost_source.startswith("computed ")
        else COST.get(cost_source, ""),
        "others": [each for each in others.rows if each["caller_id"] != row["caller_id"]],
        "calls": calls.rows if len(calls.rows) > 1 else [],
        "columns": {name: value for name, value in row.items() if name not in _NOT_SHOWN},
        "attributes": dict(sorted(attributes.items())),
        "resource": dict(sorted(sent.get("ResourceAttributes", {}).items())),
        "events": list(zip(sent.get("event_names", []), sent.get("event_attributes", []), strict=False)),
        "sent": sent,
        "redacted": sorted(name for name, value in attributes.items() if _SECRET in value),
        "jaeger": options.trace_in_jaeger(trace),
    }


VIEW: Final = View("row", "One row", "row.html", build, "row")
