"""Trust: every rule with its verdict, sums that have to add up, how much is known by what, and what no rule can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rvbbit_otel.page.address import Address, Window
from rvbbit_otel.page.asking import Answer, Asker, together
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.views import charted
from rvbbit_otel.page.views.view import Money, Shown, View, numeric
from rvbbit_otel.storage.audits import SINCE, UNTIL, Audit, find_audit, load_audits

_SHOWN: Final = 500


@dataclass(frozen=True)
class Verdict:
    """One rule and what the store said. `tried` is false where there was no row that could break it."""

    audit: Audit
    answer: Answer
    tried: bool

    @property
    def word(self) -> str:
        """`holds`, `BROKEN`, or `no rows`: a rule that had nothing to look at says nothing."""
        return "BROKEN" if self.answer.rows else "holds" if self.tried else "no rows"


async def build(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """All rules and sums over the time range."""
    window = address.window
    rules = [audit for audit in load_audits() if audit.is_rule]
    sums, extent, *answers = await together(
        asker("trust_sums", **window.parameters),
        asker("extent", **window.parameters),
        *(ask_rule(asker, audit, window) for audit in rules),
    )
    verdicts = [
        Verdict(audit, answer, bool(extent.first.get("rows"))) for audit, answer in zip(rules, answers, strict=True)
    ]
    first = sums.first
    return {
        "verdicts": sorted(verdicts, key=lambda each: (not each.answer.rows, each.audit.name)),
        "broken": sum(bool(each.answer.rows) for each in verdicts),
        "sums": first,
        "all": Money.of(first),
        "rows_add_up": first.get("rows", 0)
        == first.get("rows_firm", 0) + first.get("rows_weak", 0) + first.get("rows_nobody", 0),
        "cost_adds_up": first.get("cost", 0)
        == first.get("cost_firm", 0) + first.get("cost_weak", 0) + first.get("cost_nobody", 0),
        "extent": extent.first,
        "chart": await charted.chart(asker, address, extent.first, "source", "rows"),
        "asked_at": address.now,
        "dsn_hint": options.store,
    }


async def build_rule(asker: Asker, address: Address, options: PageOptions) -> Shown:
    """One rule or report: what it means, what to do, and its rows."""
    audit = find_audit(address.get("name", "rows-without-caller"))
    window = address.window
    answer, extent = await together(ask_rule(asker, audit, window), asker("extent", **window.parameters))
    return {
        "verdict": Verdict(audit, answer, bool(extent.first.get("rows"))),
        "shown": answer.rows[:_SHOWN],
        "numeric": numeric(answer.rows),
        "asked_at": address.now,
    }


async def ask_rule(asker: Asker, audit: Audit, window: Window) -> Answer:
    """Ask a rule about a time range, where it takes one; its other parameters have their defaults."""
    values = {each.name: each.default for each in audit.parameters}
    if audit.has_window:
        values[SINCE] = str(window.parameters["since"])
        values[UNTIL] = str(window.parameters["until"])
    return await asker.ask(audit.name, audit.sql, values)


VIEW: Final = View("trust", "Trust", "trust.html", build, "trust_sums")
RULE: Final = View("rule", "One rule", "rule.html", build_rule, "")
