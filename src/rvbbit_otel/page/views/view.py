"""A view: a name in the address, a template, and how its questions become what the template shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rvbbit_otel.page.address import Address
from rvbbit_otel.page.asking import Asker, Row
from rvbbit_otel.page.options import PageOptions

Shown = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One view. `csv` names the question whose rows its CSV holds."""

    name: str
    title: str
    template: str
    build: Callable[[Asker, Address, PageOptions], Awaitable[Shown]]
    csv: str


@dataclass(frozen=True)
class Money:
    """Dollars of some rows; a lower bound where calls have no price."""

    cost: Decimal
    stated: Decimal
    computed: Decimal
    unpriced: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Money:
        """The dollars of a row of an answer."""
        zero = Decimal(0)
        return cls(
            row.get("cost") or zero,
            row.get("cost_stated") or zero,
            row.get("cost_computed") or zero,
            int(row.get("calls_unpriced") or 0),
        )


def total(rows: Sequence[Row], name: str) -> Any:
    """The sum of a column."""
    return sum(row[name] or 0 for row in rows)


def latest(rows: Sequence[Row], name: str) -> datetime | None:
    """The latest moment of a column."""
    return max((row[name] for row in rows if row[name] is not None), default=None)


def numeric(rows: Sequence[Row]) -> set[str]:
    """The columns whose values are all numbers, to be right-aligned."""
    return {
        name
        for name in (rows[0] if rows else {})
        if all(isinstance(row[name], int | float | Decimal) and not isinstance(row[name], bool) for row in rows)
    }
