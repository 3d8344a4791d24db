"""One migration: a numbered file of one statement, and what that statement makes or changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from rvbbit_otel.errors import SchemaError

_HEAD: Final = re.compile(
    r"^(?P<what>CREATE (?:TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE (?:TABLE|VIEW)|ALTER TABLE"
    r"|TRUNCATE TABLE IF EXISTS|DROP (?:TABLE|VIEW) IF EXISTS)"
    r" (?P<name>\w+)",
    re.M,
)


@dataclass(frozen=True)
class Migration:
    """One file of sql/migrations: one statement, safe to run again."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the statement, hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def head(sql: str) -> re.Match[str]:
    """Return what a statement makes or changes, and its name; raises SchemaError where that can't be told."""
    found = list(_HEAD.finditer(sql))
    if len(found) != 1:
        start = next((line for line in sql.splitlines() if line and not line.startswith("--")), "nothing")
        raise SchemaError(
            f"a cluster can't take the statement that begins with {start[:80]!r}: storage/migration.py knows CREATE TABLE, VIEW and"
            " MATERIALIZED VIEW IF NOT EXISTS, CREATE OR REPLACE TABLE or VIEW, ALTER TABLE, TRUNCATE TABLE,"
            " and DROP TABLE or VIEW IF EXISTS, one a file"
        )
    return found[0]
