"""Names in a statement that may lead further than the statement says: to a file, by a table's name or a zone's, or to a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rvbbit_otel.all_in_one.statements.refusals import denied
from rvbbit_otel.all_in_one.statements.type_names import is_harmless_type
from rvbbit_otel.all_in_one.statements.vocabulary import Vocabulary

_NAME_LETTERS: Final = frozenset("_- $")


def check_table(parts: Iterable[str], vocabulary: Vocabulary, database: str) -> None:
    """Raise EngineError for a name that may be a file's, and for tables of `system` that are not read from here.

    A table of the database `default` may be a file: its name, with a slash in it, tells by the error whether the file exists.
    """
    names = list(parts)
    if len(names) > 2 or not all(_is_plain(name) for name in names):
        raise denied("a name with a path in it is no table here")
    within, table = names if len(names) == 2 else (database, names[0])
    if within == "system" and table not in vocabulary.system_tables and table in vocabulary.engine_system_tables:
        raise denied(f"the table system.{table} is not served here")


def check_called(name: str, arguments: int, vocabulary: Vocabulary) -> None:
    """Raise EngineError for a bare name that would call a function which is not served, or one that would take a name of a zone or type so."""
    rule = vocabulary.function(name)
    if rule is None and vocabulary.is_function(name):
        raise denied(
            f"the function {name} is not served here, and a column of that name needs its table's name before it"
        )
    if rule is not None and rule.kind and arguments > max(rule.at, 0):
        raise denied(f"the function {name} is not served by its bare name here: write x -> {name}(x)")


def check_part(part: str, vocabulary: Vocabulary) -> None:
    """Raise EngineError for a name that holds a type which leads to a file."""
    if not is_harmless_part(part, vocabulary):
        raise denied("a part of a value with a type that names a time zone of its own is not served here")


def is_harmless_part(part: str, vocabulary: Vocabulary) -> bool:
    """JSON and Dynamic values have parts of a type: ``a.:`DateTime('UTC')` ``."""
    if "`" not in part and ":" not in part:
        return True
    types = part.split("`")[1::2] if "`" in part else [part.partition(":")[2]]
    return all(is_harmless_type(each, vocabulary.is_zone) for each in types)


def _is_plain(name: str) -> bool:
    return bool(name) and all(letter.isalnum() or letter in _NAME_LETTERS for letter in name)
