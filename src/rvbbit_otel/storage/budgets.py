"""How much of each budget is used: exactly, and where calls have no price yet as a lower bound that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from rvbbit_otel.storage.budget_file import Budget
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read

_TIME: Final = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class Spender:
    """One caller's part; '' for calls that nobody claims."""

    caller_id: str
    cost: Decimal
    tokens: int


@dataclass(frozen=True)
class Usage:
    """One budget, and what its calls came to from `begin` until before `end` (UTC).

    `open_calls`, with `open_tokens`, have no price yet, so that `cost` is a lower bound where there are any. `spenders`: who spent most,
    of `callers`.
    """

    budget: Budget
    begin: datetime
    end: datetime
    cost: Decimal
    tokens: int
    calls: int
    open_calls: int
    open_tokens: int
    spenders: tuple[Spender, ...]
    callers: int

    @property
    def over(self) -> tuple[str, ...]:
        """The limits that are passed: more was spent than the limit, not just as much."""
        limits = (("dollars", self.budget.dollars, self.cost), ("tokens", self.budget.tokens, self.tokens))
        return tuple(name for name, limit, spent in limits if limit is not None and spent > limit)

    @property
    def is_lower_bound(self) -> bool:
        """True if more than `cost` was spent, and nobody knows how much more."""
        return self.open_calls > 0

    @property
    def state(self) -> str:
        """`over`; `unknown` where dollars are within their limit only because calls have no price; else `within`."""
        return (
            "over" if self.over else "unknown" if self.budget.dollars is not None and self.is_lower_bound else "within"
        )


def use_of(database: Database, budgets: Sequence[Budget], at: datetime) -> list[Usage]:
    """Return the use of each budget in the hour, day or month that holds a moment; raises StoreError."""
    return [_use(database, budget, *budget.window(at)) for budget in budgets]


def _use(database: Database, budget: Budget, begin: datetime, end: datetime) -> Usage:
    parameters = {
        "begin": begin.strftime(_TIME),
        "end": end.strftime(_TIME),
        "caller": _like(budget.caller),
        "origin": _like(budget.origin),
        "cascade": _like(budget.cascade),
        "model": _like(budget.model),
        "metadata": json.dumps(dict(budget.metadata), ensure_ascii=False),
    }
    rows = database.query(read("budgets/spent.sql"), parameters).dicts()
    first = rows[0] if rows else {}

    def whole(name: str) -> int:
        return int(str(first.get(name, 0)))

    return Usage(
        budget,
        begin,
        end,
        Decimal(str(first.get("all_cost", 0))),
        whole("all_tokens"),
        whole("all_calls"),
        whole("all_open_calls"),
        whole("all_open_tokens"),
        tuple(Spender(str(row["caller_id"]), Decimal(str(row["cost"])), int(str(row["tokens"]))) for row in rows),
        whole("callers"),
    )


def _like(pattern: str) -> str:
    """A pattern of * and ? as one of LIKE."""
    return re.sub(r"[\\%_]", r"\\\g<0>", pattern).replace("*", "%").replace("?", "_")
