"""Tables that a client sends beside its question. https://clickhouse.com/docs/engines/table-engines/special/external-data

Each is a temporary table of the question's own connection. Its statement is put together from a plain name, a format of our list and a list of
columns that was looked at; the data goes by a file, as an insert's does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rvbbit_otel.all_in_one.engine.engine import ExternalTable
from rvbbit_otel.all_in_one.statements.inserts import FORMATS
from rvbbit_otel.all_in_one.statements.refusals import denied
from rvbbit_otel.all_in_one.statements.type_names import is_harmless_type
from rvbbit_otel.all_in_one.statements.typed_data import check_types

# What the parameters of a table add to its name.
_SAID = ("format", "types", "structure")
_MOST_TABLES = 20


def parameters_of(names: Iterable[str]) -> frozenset[str]:
    """The names of all parameters that say what tables of these names are made of."""
    return frozenset(f"{name}_{said}" for name in names for said in _SAID)


def external_tables(
    sent: Sequence[tuple[str, bytes]], given: Mapping[str, str], is_zone: Callable[[str], bool]
) -> list[ExternalTable]:
    """The tables that were sent, by name; raises EngineError for one that may not be."""
    if len(sent) > _MOST_TABLES:
        raise denied(f"over {_MOST_TABLES} tables beside a question are not served here")
    return [_table(name, data, given, is_zone) for name, data in sent]


def _table(name: str, data: bytes, given: Mapping[str, str], is_zone: Callable[[str], bool]) -> ExternalTable:
    if not name.isidentifier() or not name.isascii():
        raise denied(f"{name[:80]} is no name for a table beside a question: write letters, digits and _")
    format_name = given.get(f"{name}_format", "TabSeparated")
    if format_name not in FORMATS:
        raise denied(f"the format {format_name[:40]} is not served for a table beside a question")
    structure, types = given.get(f"{name}_structure", ""), given.get(f"{name}_types", "")
    said = structure or types
    if not said:
        raise denied(f"the table {name} beside the question needs {name}_structure or {name}_types")
    if not is_harmless_type(said, is_zone):
        raise denied(f"the columns of {name} have a type that is not served here")
    if not structure:
        structure = ", ".join(f"_{number} {each}" for number, each in enumerate(_split(types), 1))
    check_types(data, format_name, is_zone)
    return ExternalTable(name, structure, format_name, data)


def _split(types: str) -> list[str]:
    """A list of types at its commas, but for those inside brackets and quotes; there are no escapes in it."""
    found, start, depth, quote = [], 0, 0, ""
    for at, letter in enumerate(types):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'`\"":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and depth == 0:
            found.append(types[start:at].strip())
            start = at + 1
    return [*found, types[start:].strip()]
