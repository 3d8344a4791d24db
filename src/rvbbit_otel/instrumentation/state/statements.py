"""Read the text of a SQL statement: whether work is left after its execution, and which functions it may call.

Where the text does not say it for certain, the answer is the careful one: it runs on, and it can call anything.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

# Longer ones are data with a statement around it, and are not read.
MOST_CHARACTERS: Final = 65_536
# One statement that has done all its work when the call returns; any other may still call functions while its rows are fetched.
_EAGER: Final = re.compile(
    r"\s*(SET|RESET|PRAGMA|CREATE|DROP|ALTER|INSERT|UPDATE|DELETE|COPY|ATTACH|DETACH|USE|LOAD|INSTALL|BEGIN|COMMIT|ROLLBACK|CHECKPOINT)"
    r"\b[^;]*;?\s*",
    re.IGNORECASE,
)
# One row, which is there only when all the rest was done: constants, or aggregates of everything.
_CONSTANTS: Final = re.compile(r"\s*SELECT\b[^;(]*;?\s*", re.IGNORECASE)
_AGGREGATE: Final = re.compile(
    r"\s*SELECT\s+(COUNT|SUM|MIN|MAX|AVG|BOOL_AND|BOOL_OR|LIST|STRING_AGG|ANY_VALUE)\s*\([^;]*;?\s*", re.IGNORECASE
)
_MANY_ROWS: Final = frozenset(
    [
        "from",
        "group",
        "over",
        "window",
        "qualify",
        "union",
        "except",
        "intersect",
        "values",
        "unnest",
        "with",
        "pivot",
        "unpivot",
        "returning",
        "table",
    ]
)
_BEFORE_AGGREGATES: Final = _MANY_ROWS - {"from"}
# What keeps a name for a later statement that does not say it: views, macros, defaults, prepared statements, and databases full of these.
_KEEPING: Final = ("create", "alter", "prepare", "attach", "import", "database")
_KEEPS: Final = re.compile(rf"\b({'|'.join(_KEEPING)})\b", re.IGNORECASE)
_BRINGS_UNSEEN: Final = frozenset({"attach", "import", "database"})
# Statements that come from a value or from elsewhere, and escapes by which a name can be written in other letters.
_INDIRECT: Final = frozenset(["query", "query_table", "json_execute_serialized_sql", "execute", "u"])
_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> frozenset[str]:
    """The words of a statement, names and keywords alike, as DuckDB compares them."""
    return frozenset(_WORD.findall(text.casefold()))


def leaves_nothing(text: str, macros: Set[str] | None) -> bool:
    """Return whether a statement is done when the call that executed it has returned.

    macros: what functions may be called that are none; None where that is unknown. One may be called `count` and yield a row for each row.
    """
    if len(text) >= MOST_CHARACTERS:
        return False
    if _EAGER.fullmatch(text) is not None:
        return "returning" not in text.lower()
    if (aggregate := _AGGREGATE.fullmatch(text)) is not None:
        own = macros is not None and aggregate[1].casefold() not in macros
        return own and not _BEFORE_AGGREGATES & words_of(text)
    return _CONSTANTS.fullmatch(text) is not None and not _MANY_ROWS & words_of(text)


def kept_names(text: str) -> frozenset[str] | None:
    """The names that later statements may use without saying them; None where there may be some that nobody saw."""
    if len(text) >= MOST_CHARACTERS:
        folded = text.casefold()
        return None if any(word in folded for word in _KEEPING) else frozenset()
    if _KEEPS.search(text) is None:
        return frozenset()
    words = words_of(text)
    return None if words & _BRINGS_UNSEEN else words


def makes_macros(words: frozenset[str]) -> bool:
    """Return whether a statement of these words makes a function out of an expression."""
    return "macro" in words or "function" in words


def names_it(text: str, function: str) -> bool:
    """Return whether a statement names this function, or may name it in a way that can't be read."""
    if len(text) >= MOST_CHARACTERS:
        return True
    words = words_of(text)
    return function in words or bool(words & _INDIRECT) or _WORD.fullmatch(function) is None
