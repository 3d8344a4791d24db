"""Named questions about the store, a file each in ``sql/audits/``.

A rule gives the rows that break it, so none means that it holds, if there was something to hold; a report just answers. Each file begins with a
header of comments::

    -- name: rows-without-caller
    -- kind: rule
    -- title: Rows without a caller
    -- finding: what a row of the answer means
    -- remedy: what to do about it
    -- parameter: since DateTime = 1970-01-01 00:00:00

A parameter stands in the statement as ``{since:DateTime}`` and has a default. ``-- alert: ...`` stands in a rule that can't be asked of the last
minutes alone: what it compares arrives by turns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, cast

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

SINCE: Final = "since"
UNTIL: Final = "until"
_PARAMETER: Final = re.compile(r"\{(\w+):")
# Before any row, and after all.
_EVER: Final = "1970-01-01 00:00:00"
_NEVER: Final = "2106-01-01 00:00:00"
# The rules about what no other can see, and what they name.
SET_ASIDE: Final = "parts-set-aside"
QUARANTINED: Final = "quarantined-requests"
OUT_OF_SIGHT: Final[Mapping[str, str]] = {SET_ASIDE: "damaged parts", QUARANTINED: "requests in quarantine"}
Kind = Literal["rule", "report"]


@dataclass(frozen=True)
class Parameter:
    """One value that a question takes: its name, ClickHouse type, and default as text."""

    name: str
    type: str
    default: str


@dataclass(frozen=True)
class Audit:
    """One question."""

    name: str
    kind: Kind
    title: str
    finding: str
    remedy: str
    sql: str
    parameters: tuple[Parameter, ...] = field(default=())
    hourly: bool = False

    @property
    def has_window(self) -> bool:
        """True if the audit can be limited to a time range."""
        return any(parameter.name == SINCE for parameter in self.parameters)

    @property
    def is_rule(self) -> bool:
        """True if rows in the answer mean that something is wrong."""
        return self.kind == "rule"


@dataclass(frozen=True)
class Finding:
    """The answer to one question."""

    audit: Audit
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]

    @property
    def holds(self) -> bool:
        """False if this is a rule and rows break it."""
        return not (self.audit.is_rule and self.rows)


@cache
def load_audits() -> tuple[Audit, ...]:
    """Every question of this package: rules first, then reports, each by name."""
    audits = [_parse(file.name, text_of(file)) for file in sql_files("audits")]
    return tuple(sorted(audits, key=lambda audit: (not audit.is_rule, audit.name)))


def find_audit(name: str) -> Audit:
    """The question of this name; raises ConfigurationError that lists them all."""
    for audit in load_audits():
        if audit.name == name:
            return audit
    raise ConfigurationError(
        f"there is no audit {name!r}; there are {', '.join(audit.name for audit in load_audits())}"
    )


def run_audit(database: Database, audit: Audit, parameters: Mapping[str, str] | None = None) -> Finding:
    """Ask one question; raises ConfigurationError for a parameter that it does not take, StoreError if the store can't answer."""
    values = {parameter.name: parameter.default for parameter in audit.parameters}
    for name, value in (parameters or {}).items():
        if name not in values:
            known = ", ".join(values) or "none"
            raise ConfigurationError(f"{audit.name} takes no parameter {name!r}; it takes {known}")
        values[name] = value
    result = database.query(audit.sql, values)
    return Finding(audit, result.columns, result.rows)


def has_rows(database: Database, since: str = _EVER, until: str = _NEVER) -> bool:
    """Return whether there is any row from `since` on that could break a rule. Without one, a rule without findings
    says nothing.

    Without one, a rule without findings says nothing.
    """
    return database.query(read("has_rows.sql"), {"since": since, "until": until}).rows[0][0] != 0


def _parse(file_name: str, text: str) -> Audit:
    lines = text.splitlines()
    head = [line[3:] for line in lines if line.startswith("-- ")]
    facts: dict[str, str] = {}
    parameters = []
    for line in head:
        key, _, value = line.partition(": ")
        if key == "parameter":
            declared, _, default = value.partition(" = ")
            name, _, type_name = declared.partition(" ")
            parameters.append(Parameter(name, type_name, default))
        else:
            facts[key] = value
    missing = {"name", "kind", "title", "finding", "remedy"} - facts.keys()
    if missing or facts["name"] + ".sql" != file_name or facts["kind"] not in ("rule", "report"):
        raise ConfigurationError(
            f"the header of the audit {file_name} lacks or mistakes {', '.join(sorted(missing)) or 'its name or kind'}"
        )
    if missing := ({parameter.name for parameter in parameters} ^ set(_PARAMETER.findall(text))):
        raise ConfigurationError(f"the audit {file_name} declares or uses {', '.join(sorted(missing))}, and not both")
    sql = "\n".join(line for line in lines if not line.startswith("-- ")).strip()
    return Audit(
        facts["name"],
        cast("Kind", facts["kind"]),
        facts["title"],
        facts["finding"],
        facts["remedy"],
        sql,
        tuple(parameters),
        hourly="alert" in facts,
    )
