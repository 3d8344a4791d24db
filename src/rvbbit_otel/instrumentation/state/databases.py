"""State that the connections to one database share: registered functions, and the function names in stored
statements.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from rvbbit_otel.instrumentation.state import statements

if TYPE_CHECKING:
    from rvbbit_otel.instrumentation.state.query_ledger import Slot

# Names that a database's views, macros and prepared statements use; one with more is taken to use all.
_MOST_NAMES: Final = 20_000
# So many queries of a database are kept before those that are over are looked for, then twice as many as are left.
FIRST_SWEEP: Final = 64


class Reach(Enum):
    """Which other connections may be to the same database."""

    OWN = "own"  # nobody but the cursors that were made of its connection
    NAMED = "named"  # whoever connects to the same name
    UNSEEN = "unseen"  # it was opened before we were there: any other one that has a name or was not seen
    ANY = "any"  # a relation that does not tell its connection


class Database:
    """State that the connections to one database share: registered functions, and the functions that stored
    statements may call.
    """

    def __init__(self, reach: Reach, unread: bool) -> None:
        """`unread`: it may have views and macros that we did not see being made."""
        self.reach = reach
        self.unread = unread
        self.open: dict[Slot, None] = {}
        self.sweep_at = FIRST_SWEEP
        # None for one that has a name of DuckDB's making.
        self.functions: set[str | None] = set()
        # It has relations of which only a part was seen. A statement that reads one by its Python variable calls what that calls.
        self.lazy = False
        self._kept: set[str] = set()
        self._macros: set[str] = set()

    def may_be(self, other: Database) -> bool:
        """Return whether two databases may be the same."""
        if self is other or other.reach is Reach.ANY:
            return True
        reaches = {self.reach, other.reach}
        return Reach.UNSEEN in reaches and Reach.OWN not in reaches

    @property
    def macros(self) -> set[str] | None:
        """Names that may be macros, None where it may have others."""
        return None if self.unread else self._macros

    def saw_relation(self, text: str) -> None:
        """A relation may have been made of this: a statement that reads it by its Python variable does not say what it calls."""
        folded = text.casefold()
        self._kept.update(name for name in list(self.functions) if name is not None and name in folded)

    def saw(self, text: str) -> None:
        """A statement that runs."""
        if self.unread:
            return
        names = statements.kept_names(text)
        if names is None or len(self._kept) > _MOST_NAMES:
            self.unread = True
        elif names:
            self._kept.update(names)
            if statements.makes_macros(names):
                self._macros.update(names)

    def hides(self, function: str) -> bool:
        """Return whether a statement may call the function without naming it (by a macro or a view)."""
        return self.unread or self.lazy or function in self._kept
