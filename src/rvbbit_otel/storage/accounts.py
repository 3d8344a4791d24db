"""Questions about callers and their costs, shared by commands, reports and notebooks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read

EVER: Final = "1970-01-01 00:00:00"
# Rows that one question gives at most.
MOST_ROWS: Final = 100_000


@dataclass(frozen=True)
class Sums:
    """What some rows come to. Tokens and dollars are counted once a call; `cost` is a lower bound where calls have no price."""

    rows: int
    sessions: int
    calls: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_reasoning: int
    cost: Decimal
    cost_stated: Decimal
    cost_computed: Decimal
    calls_unpriced: int
    errors: int
    first_row: datetime
    last_row: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Sums:
        """The sums of one row of an answer."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Line:
    """The sums of one caller, source or model."""

    name: str
    about: str
    sums: Sums


@dataclass(frozen=True)
class Account:
    """One caller: what is known of it, its sums, and how its rows are known."""

    caller_id: str
    origin: str
    metadata: Mapping[str, Any]
    sums: Sums
    sources: Sequence[Line]
    models: Sequence[Line]
    sessions: Sequence[Mapping[str, Any]]

    @property
    def text(self) -> str:
        """The SQL text, route or job of the invocation, whichever there is; empty without one."""
        return next((str(self.metadata[key]) for key in ("sql_query", "route", "job") if self.metadata.get(key)), "")


def account(database: Database, caller: str, since: str = EVER) -> Account | None:
    """One caller's account; None if no row is of this caller, in that time."""
    asked = {"caller": caller, "since": since}
    lines = _ask(database, "by_caller", asked)
    if not lines or not caller:
        return None
    sources = [Line(row["source"], "", Sums.of(row)) for row in _ask(database, "by_source", asked)]
    models = [Line(row["model"], row["provider"], Sums.of(row)) for row in _ask(database, "by_model", asked)]
    return Account(
        caller,
        lines[0]["origin"],
        metadata_of(lines[0]["metadata"]),
        Sums.of(lines[0]),
        sources,
        models,
        _ask(database, "sessions", {"caller": caller}),
    )


def by_caller(database: Database, since: str = EVER, caller: str = "") -> list[Line]:
    """Every caller with rows in that time, nobody as ``""``; `about` is its origin."""
    rows = _ask(database, "by_caller", {"caller": caller, "since": since})
    return [Line(row["caller_id"], row["origin"], Sums.of(row)) for row in rows]


def by_source(database: Database, since: str = EVER, caller: str = "") -> list[Line]:
    """Rows by how their caller is known."""
    rows = _ask(database, "by_source", {"caller": caller, "since": since})
    return [Line(row["source"], "", Sums.of(row)) for row in rows]


def by_model(database: Database, since: str = EVER, caller: str = "") -> list[Line]:
    """Calls to models; `about` is the provider."""
    rows = _ask(database, "by_model", {"caller": caller, "since": since})
    return [Line(row["model"], row["provider"], Sums.of(row)) for row in rows]


def rows_of(database: Database, caller: str = "", since: str = EVER, limit: int = MOST_ROWS) -> list[dict[str, Any]]:
    """The rows of a caller, of all with ``""``, oldest first."""
    return _ask(database, "rows", {"caller": caller, "since": since, "limit": limit})


def metadata_of(text: str) -> Mapping[str, Any]:
    """The metadata of a caller as an object; an empty one where it is none."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _ask(database: Database, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    return database.query(read(f"accounts/{name}.sql"), parameters).dicts()
