"""Let those statements from outside reach the engine whose syntax tree consists of what our lists hold, and nothing
else.

The first of four layers, and each holds without the others. The text that came is read by the engine's parser and written anew from the tree; what
is checked is the tree of that new text, and the new text is what runs. So the check and the run see one and the same statement, and what the tree
leaves out can't be in it. The connection that checks has fixed settings and is nobody else's: no client's setting reaches it.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rvbbit_otel.all_in_one.engine.engine import as_parameters
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.commands import Command, read_command
from rvbbit_otel.all_in_one.statements.names import check_called, check_part, check_table
from rvbbit_otel.all_in_one.statements.query_settings import Value, can_be_set, settable, setting
from rvbbit_otel.all_in_one.statements.refusals import denied, not_served
from rvbbit_otel.all_in_one.statements.small_statements import (
    Described,
    Small,
    Token,
    may_be_small,
    read_small,
    tokens_of,
)
from rvbbit_otel.all_in_one.statements.tree import Found, format_named, read_tree
from rvbbit_otel.all_in_one.statements.vocabulary import Vocabulary, read_vocabulary

# Bytes of a question, as ClickHouse's max_query_size.
MOST_BYTES = 256 * 1024
# What the engine's parser may take for it: 256 KiB of anything take it 0.8 s at most, measured. Sums are written in brackets, so depth is needed.
_SETTINGS: Mapping[str, Value] = {
    "max_execution_time": 5,
    "max_memory_usage": 512 * 1024 * 1024,
    "max_threads": 1,
    "max_query_size": 0,
    "max_parser_depth": 2000,
    "max_parser_backtracks": 100_000,
    "max_ast_depth": 1000,
    "max_ast_elements": 50_000,
    "allow_python_table_function": 0,
    "log_comment": "gate",
    "readonly": 1,
}
_READ = "SELECT formatQueryFromJSON(parseQueryToJSON({text:String})) AS written, parseQueryToJSON(written)"
_WRITE = "SELECT formatQueryFromJSON({text:String})"
_SETTINGS_HERE = "SELECT * FROM (SELECT * REPLACE (toUInt8(name NOT IN ({})) AS readonly) FROM system.settings)"
_CUT = "SELECT tokenizeQuery({text:String})"
# The engine's code for a statement that it makes no tree of.
_NO_TREE = 36
_LONGEST_NAME, _MOST_ARGUMENTS = 1000, 1000
# Statements of that size are kept with what was found in them, so that a dashboard's questions are read once.
_KEPT, _KEPT_BYTES = 256, 16 * 1024


@dataclass(frozen=True)
class Checked:
    """A statement that may run, without its FORMAT.

    statement: as the engine wrote it. format_name: the format that it names, None if none. content_type: of that format.
    settings: those of the whole statement. found: what depends on parameters.
    """

    statement: bytes
    format_name: str | None
    settings: Mapping[str, str]
    found: Found


class Gate:
    """Checks statements, several at once."""

    def __init__(self, connect: Callable[[], Any], options: Options) -> None:
        """`connect` opens a connection to the engine that is nobody else's."""
        self._connect = connect
        self._options = options
        self._free: list[Any] = []
        self._vocabulary: Vocabulary | None = None
        self._kept: OrderedDict[tuple[str, str], Checked] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    @property
    def vocabulary(self) -> Vocabulary:
        """The names that a question may use; read from the engine at the first question."""
        with self._reading:
            if self._vocabulary is None:
                self._vocabulary = read_vocabulary(lambda sql: self._ask(sql, {}, "JSONCompactEachRow"))
            return self._vocabulary

    def check(self, text: str, database: str = "default") -> Checked:
        """The statement to run for this text; raises EngineError unless it is one statement that only asks."""
        kept = self.kept(text, database)
        if kept is not None:
            return kept
        checked = self._checked(text.encode(), database)
        if len(text) <= _KEPT_BYTES:
            with self._lock:
                self._kept[(database, text)] = checked
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return checked

    def kept(self, text: str, database: str = "default") -> Checked | None:
        """What was found before for this very text, None if nothing is kept. Takes no time."""
        with self._lock:
            kept = self._kept.get((database, text))
            if kept is not None:
                self._kept.move_to_end((database, text))
            return kept

    def bind(self, checked: Checked, parameters: Mapping[str, str], database: str = "default") -> None:
        """Raise EngineError if a parameter of the statement has a value that would lead further than the statement may."""
        vocabulary, found = self.vocabulary, checked.found
        for name in found.zones & parameters.keys():
            if not vocabulary.is_zone(parameters[name]):
                raise denied(f"the parameter {name} is no time zone of system.time_zones")
        for name in (found.columns | found.functions) & parameters.keys():
            # An escape would make another name of it.
            if "\\" in parameters[name] or "`" in parameters[name] or len(parameters[name]) > _LONGEST_NAME:
                raise denied(f"the parameter {name} is no plain name")
            check_part(parameters[name], vocabulary)
        for name in found.functions & parameters.keys():
            check_called(parameters[name], _MOST_ARGUMENTS, vocabulary)
        for names in found.tables:
            if all(name in parameters for name in names):
                check_table([parameters[name] for name in names], vocabulary, database)

    def command(self, text: str, parameters: Mapping[str, str]) -> Command:
        """The statement that asks nothing which this text is; raises EngineError for what is none that is served."""
        return read_command(self._tokens(text.encode()), parameters)

    def settings_of(self, checked: Checked) -> dict[str, Value]:
        """The settings that the statement itself brings, as the engine gets them."""
        return {
            name: setting(name, value, self._options, self.vocabulary.is_zone)
            for name, value in checked.settings.items()
        }

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            while self._free:
                self._free.pop().close()

    def _checked(self, text: bytes, database: str) -> Checked:
        if len(text) > MOST_BYTES:
            raise EngineError(
                f"Code: 62. DB::Exception: Max query size exceeded: over {MOST_BYTES} bytes. (SYNTAX_ERROR)"
            )
        small = self._small(text, database) if may_be_small(text) else None
        if small is not None:
            return small
        try:
            written, tree = self._read(text)
        except EngineError as error:
            if error.code != _NO_TREE:
                raise
            small = self._small(text, database)
            if small is None:
                raise not_served(_named_in(error)) from error
            return small
        return self._from_tree(written, tree, database)

    def _from_tree(self, written: bytes, tree: dict[str, Any], database: str) -> Checked:
        found = self._found(tree, database)
        if found.of_settings:
            # Clients look there for what they may set. To the engine, nothing can be set on a connection that only reads.
            for node in found.of_settings:
                table = node.pop("database_and_table_name")
                node["subquery"] = {**self._settings_here(), "alias": table.get("alias") or "settings"}
            (changed,) = _strings(self._ask(_WRITE, {"text": json.dumps(tree)}, "RowBinary"))
            written, tree = self._read(changed)
            found = self._found(tree, database)
            found.of_settings.clear()
        name = found.format_name
        if name is None:
            return Checked(written, None, found.settings, found)
        statement = _without_format(written, name)
        if statement is None:
            # Something follows its FORMAT: have it written without, and look at that.
            plain = {key: value for key, value in tree.items() if key not in ("format_ast", "settings_ast")}
            (statement,) = _strings(self._ask(_WRITE, {"text": json.dumps(plain)}, "RowBinary"))
            self._found(self._read(statement)[1], database)
        return Checked(statement, name, found.settings, found)

    def _settings_here(self) -> dict[str, Any]:
        """A part of a tree: `system.settings`, with what a question may set as not readonly."""
        _, tree = self._read(_SETTINGS_HERE.format(", ".join(f"'{name}'" for name in settable())).encode())
        select = tree["list_of_selects"]["children"][0]
        subquery: dict[str, Any] = select["tables"]["children"][0]["table_expression"]["subquery"]
        return subquery

    def _small(self, text: bytes, database: str) -> Checked | None:
        small = read_small(text, self._tokens(text), self.vocabulary, database)
        if isinstance(small, Described):
            columns = self._from_tree(*self._read(small.question.encode()), database)
            return replace(columns, statement=b"DESCRIBE TABLE (" + columns.statement + b")")
        if isinstance(small, Small):
            if small.format_name is not None:
                format_named(small.format_name, self.vocabulary)
            return Checked(small.statement.encode(), small.format_name, {}, Found())
        return None

    def _tokens(self, text: bytes) -> list[Token]:
        return tokens_of(text, json.loads(self._ask(_CUT, {"text": text.decode()}, "JSONCompactEachRow"))[0])

    def _read(self, text: bytes) -> tuple[bytes, dict[str, Any]]:
        """The text as the engine writes it anew, and the tree of that."""
        written, tree = _strings(self._ask(_READ, {"text": text.decode("utf-8", "surrogateescape")}, "RowBinary"))
        try:
            return written, json.loads(tree.decode("utf-8", "replace"))
        except RecursionError as error:
            raise EngineError(
                "Code: 306. DB::Exception: The statement is nested too deep. (TOO_DEEP_RECURSION)"
            ) from error

    def _found(self, tree: dict[str, Any], database: str) -> Found:
        try:
            found = read_tree(tree, self.vocabulary, database)
        except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            # A shape that we don't know is not let through.
            raise not_served(str(tree.get("type"))) from error
        for name, value in (*found.settings.items(), *found.inner_settings):
            if not can_be_set(name):
                raise EngineError(
                    f"Code: 164. DB::Exception: Cannot modify '{name[:80]}' setting in readonly mode. (READONLY)"
                )
            setting(name, value, self._options, self.vocabulary.is_zone)
        return found

    def _ask(self, sql: str, parameters: Mapping[str, str], format_name: str) -> bytes:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._opened()
        try:
            answer = bytes(connection.query(sql, format_name, params=as_parameters(parameters)).bytes())
        except Exception as error:
            # After an error, what it had already answered may come before the next answer: so no one asks it again.
            connection.close()
            raise EngineError(_without_scope(str(error))) from error
        self._free.append(connection)
        return answer

    def _opened(self) -> Any:
        connection = self._connect()
        connection.query("SET " + ", ".join(f"{name}={value!r}" for name, value in _SETTINGS.items()))
        return connection


def _strings(data: bytes) -> list[bytes]:
    """Strings in the format RowBinary: each has its length before it."""
    found, at = [], 0
    while at < len(data):
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(data[at : at + length])
        at += length
    return found


def _without_format(written: bytes, format_name: str) -> bytes | None:
    """The statement before its FORMAT, None where that is not its last part."""
    end = b"FORMAT " + format_name.encode()
    return written.removesuffix(end).rstrip() if written.endswith(end) else None


def _without_scope(text: str) -> str:
    """The engine's words without those of our own statement around the client's."""
    head, scope, tail = text.partition(": In scope ")
    return f"{head}.{tail[tail.rfind(' (') :]}" if scope and tail.rfind(" (") >= 0 else text


def _named_in(error: EngineError) -> str:
    """The kind of statement that has no tree, as the engine names it: 'ShowProcesslistQuery'."""
    quoted = str(error).split("'")
    return quoted[1].partition("_")[0] if len(quoted) > 1 else "this statement"
