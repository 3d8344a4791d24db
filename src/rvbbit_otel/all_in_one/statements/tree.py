"""Reads a statement's syntax tree, as the engine's parseQueryToJSON gives it, and finds whether a question may be made of that.

Every kind of node, every key of it, every function, table function, table of `system`, format and setting must be in a list. Literals, aliases and
patterns are values under keys of their own, so no text that somebody wrote can look like a node. The walk takes each node once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, cast

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.statements.names import check_called, check_part, check_table, is_harmless_part
from rvbbit_otel.all_in_one.statements.refusals import denied, not_served
from rvbbit_otel.all_in_one.statements.type_names import is_harmless_type
from rvbbit_otel.all_in_one.statements.vocabulary import (
    AGGREGATE,
    JSON_PATH,
    LAST,
    PATH,
    TYPE,
    ZONE,
    Rule,
    Vocabulary,
    lines,
)

Node = Mapping[str, Any]

_EXPLAINED: Final = frozenset(
    {
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN SYNTAX",
        "EXPLAIN QUERY TREE",
        "EXPLAIN PIPELINE",
        "EXPLAIN ESTIMATE",
        "EXPLAIN ANALYZE",
    }
)
# The value of a literal is nobody's node, and is not looked into.
_LITERAL: Final = frozenset({"type", "value", "alias"})
# `1 IN name` reads a table of that name.
_IN: Final = frozenset(
    f"{scope}{word}{end}"
    for scope, words in (("", ("in", "notIn", "nullIn", "notNullIn")), ("global", ("In", "NotIn", "NullIn", "NotNullIn")))
    for word in words
    for end in ("", "IgnoreSet")
)  # fmt: skip
# Besides values. The planner takes time with the square of these, and no limit of the engine stops it.
_MOST_NODES: Final = 10_000
# Of a JSON path. A range in it (`[0 to 9]`) is walked also where the document has nothing: a few of them take longer than anybody waits.
_LONGEST_PATH: Final = 1000


@dataclass
class Found:
    """What a tree asks for besides rows, and the parameters whose values have to be checked when they are known.

    format_name: as it was written. settings: of the whole statement, by name. inner_settings: of parts of it.
    zones, columns, functions: names of parameters that stand for one, or may. tables: for each table that is one, the parameters of its name.
    of_settings: nodes that read `system.settings` as their table.
    """

    format_name: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    inner_settings: list[tuple[str, str]] = field(default_factory=list)
    zones: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    tables: set[tuple[str, ...]] = field(default_factory=set)
    of_settings: list[dict[str, Any]] = field(default_factory=list)


def read_tree(tree: Node, vocabulary: Vocabulary, database: str) -> Found:
    """What the tree asks for; raises EngineError for a part that is in no list. `database` is where names without one are looked up."""
    return _Walk(vocabulary, database).read(tree)


@cache
def _kinds() -> Mapping[str, Mapping[str, str]]:
    """Of each kind of node, what stands under its keys."""
    kinds: dict[str, dict[str, str]] = {}
    for line in lines("nodes.txt"):
        what, *names = line.split()
        if line.startswith(" "):
            kinds[next(reversed(kinds))].update(dict.fromkeys(names, what))
        else:
            kinds[what] = {}
    return kinds


@cache
def _statements() -> frozenset[str]:
    """Kinds that stand at the root only."""
    return frozenset(line.split()[0] for line in lines("nodes.txt") if line.endswith(" statement"))


class _Walk:
    def __init__(self, vocabulary: Vocabulary, database: str) -> None:
        self._vocabulary = vocabulary
        self._database = database
        self._left: list[Any] = []
        self._found = Found()

    def read(self, root: Node) -> Found:
        kind = root.get("type")
        if kind != "SelectWithUnionQuery" and kind not in _statements():
            raise not_served(str(kind))
        if kind == "ExplainQuery":
            explained = root.get("query")
            if root.get("kind") not in _EXPLAINED or not explained:
                raise not_served(str(root.get("kind")))
            if explained.get("type") != "SelectWithUnionQuery":
                raise not_served(f"EXPLAIN of {explained.get('type')}")
            self._settings_of(explained)
        elif kind == "SelectWithUnionQuery":
            self._settings_of(root)
        elif kind in ("ShowColumnsQuery", "ShowIndexesQuery"):
            check_table(
                [part for part in (root.get("database"), root.get("table")) if part], self._vocabulary, self._database
            )
        if kind != "SelectWithUnionQuery" and root.get("settings_ast"):
            self._found.settings.update(_changes(root["settings_ast"]))
        self._take(root)
        visited = 0
        while self._left:
            node = self._left.pop()
            visited += node.get("type") != "Literal"
            if visited > _MOST_NODES:
                raise EngineError(
                    f"Code: 168. DB::Exception: The statement has over {_MOST_NODES} parts besides values. (TOO_BIG_AST)"
                )
            self._visit(node)
        return self._found

    def _settings_of(self, select: Node) -> None:
        """The settings of the whole: those of its last SELECT, as the engine takes them."""
        selects = select["list_of_selects"].get("children") or [{}]
        for settings in (selects[-1].get("settings"), select.get("settings_ast")):
            self._found.settings.update(_changes(settings) if settings else {})

    def _take(self, node: Node) -> None:
        keys = _kinds()[node["type"]]
        for key, value in node.items():
            what = keys.get(key)
            if what == "node":
                self._left.append(value)
            elif what == "nodes":
                self._left.extend(value)
            elif what == "value":
                if isinstance(value, dict) or (
                    isinstance(value, list) and any(isinstance(each, dict) for each in value)
                ):
                    raise not_served(f"{node['type']} with {key}")
            elif what == "false":
                if value is not False:
                    raise denied("INTO OUTFILE is not served: read the answer instead")
            elif what == "table":
                self._table(value)
                if [self._database, *(value.get("name_parts") or [value["name"]])][-2:] == ["system", "settings"]:
                    self._found.of_settings.append(cast(dict[str, Any], node))
            elif what == "called":
                self._table_function(value)
            elif what == "format":
                self._format(value)
            elif what == "settings":
                self._found.inner_settings += _changes(value).items()
            elif what == "options":
                _changes(value)
            elif key == "out_file":
                raise denied("INTO OUTFILE is not served: read the answer instead")
            elif key != "type":
                raise not_served(f"{node['type']} with {key}")

    def _visit(self, node: Any) -> None:
        kind = node.get("type")
        if kind == "Literal":
            if not node.keys() <= _LITERAL:
                raise not_served("Literal")
            return
        if kind not in _kinds() or kind in _statements():
            raise not_served(str(kind))
        if kind == "Function":
            self._function(node)
        elif kind == "Identifier":
            self._identifier(node)
        elif kind == "TableIdentifier":
            self._table(node)
            return
        elif kind == "ColumnsApplyTransformer":
            self._applied(node)
        elif kind == "QueryParameter" and not self._is_type(node["param_type"]):
            raise denied(f"a parameter of the type {node['param_type'][:80]} is not served here")
        self._take(node)

    def _function(self, node: Node) -> None:
        name = node["name"]
        arguments: list[Node] = (node.get("arguments") or {}).get("children") or []
        if name == "lambda":
            if node.get("kind") != "LAMBDA_FUNCTION":
                raise denied("the function lambda is not served here")
            return
        rule = self._rule(name)
        if rule.kind == ZONE:
            for argument in arguments[rule.at :]:
                self._zone(name, argument)
        elif rule.kind and arguments:
            self._named(name, rule, arguments)
        if name in _IN and len(arguments) == 2 and arguments[1]["type"] == "Identifier":
            self._table(arguments[1])
        if self._vocabulary.may_take_functions(name):
            self._called(arguments, (len(arguments) - 1) * (2 if name.startswith("map") else 1))

    def _called(self, arguments: list[Node], count: int) -> None:
        """A bare name may be a function, called with `count` arguments: one of each array that follows, or a map's keys and values."""
        for place, argument in enumerate(arguments):
            if argument["type"] != "Identifier":
                continue
            parameters = _parameters(argument)
            self._found.functions |= parameters
            if not parameters and "name_parts" not in argument:
                check_called(argument["name"], count if place == 0 else 0, self._vocabulary)

    def _rule(self, name: str) -> Rule:
        rule = self._vocabulary.function(name)
        if rule is None:
            if self._vocabulary.is_function(name):
                raise denied(f"the function {name} is not served here")
            raise EngineError(
                f"Code: 46. DB::Exception: Function with name `{name[:200]}` does not exist. (UNKNOWN_FUNCTION)"
            )
        return rule

    def _zone(self, function: str, argument: Node) -> None:
        """Only what is written out is known before it runs: any function may be a lambda's name."""
        kind = argument["type"]
        if kind == "Literal":
            value = argument["value"]
            if value["field_type"] != "String" or self._vocabulary.is_zone(value["value"]):
                return
        elif kind == "QueryParameter":
            self._found.zones.add(argument["name"])
            return
        raise denied(f"{function} takes a time zone here only if it is written out and is one of system.time_zones")

    def _named(self, function: str, rule: Rule, arguments: list[Node]) -> None:
        at = len(arguments) - 1 if rule.at == LAST else rule.at
        if at >= len(arguments) or (rule.at == LAST and at == 0):
            return
        argument = arguments[at]
        value = argument["value"] if argument["type"] == "Literal" else {}
        text = value.get("value") if value.get("field_type") == "String" else None
        if rule.kind == PATH and value.get("field_type") in ("UInt64", "Int64"):
            return
        if text is not None and rule.kind == TYPE and self._is_type(text):
            return
        if text is not None and rule.kind == PATH and is_harmless_part(text, self._vocabulary):
            return
        if text is not None and rule.kind == AGGREGATE and self._rule(text.partition("(")[0].strip()):
            return
        if (
            text is not None
            and rule.kind == JSON_PATH
            and len(text) <= _LONGEST_PATH
            and "to" not in text.lower().split()
        ):
            return
        raise denied(
            f"{function} takes {'an' if rule.kind == AGGREGATE else 'a'} {rule.kind} here only if it is written out and leads nowhere"
        )

    def _applied(self, node: Node) -> None:
        name = node.get("func_name")
        if not name:
            return
        rule = self._rule(name)
        if rule.kind and (rule.at == 0 or node.get("parameters")):
            raise denied(f"{name} is not served in APPLY here")

    def _identifier(self, node: Node) -> None:
        self._found.columns |= set(_parameters(node))
        for part in node.get("name_parts") or [node["name"]]:
            check_part(part, self._vocabulary)

    def _is_type(self, text: str) -> bool:
        return is_harmless_type(text, self._vocabulary.is_zone)

    def _table(self, node: Node) -> None:
        if node.get("type") not in ("TableIdentifier", "Identifier"):
            raise not_served(str(node.get("type")))
        names = node.get("name_parts") or [node["name"]]
        parameters = tuple(child["name"] for child in node.get("children") or ())
        if not _parameters(node):
            check_table(names, self._vocabulary, self._database)
        elif len(parameters) == len(names):
            self._found.tables.add(parameters)
        else:
            raise denied("a table's name is a parameter as a whole, or not at all")
        if not node.keys() <= {"type", "name", "name_parts", "alias", "children"}:
            raise not_served(str(node["type"]))

    def _table_function(self, node: Node) -> None:
        name = node["name"]
        listed = self._vocabulary.table_functions
        # The engine takes VALUES, as SQL writes it, for values.
        kind = listed.get(name, listed.get(name.lower()) if name.lower() == "values" else None)
        if kind is None:
            raise denied(f"the table function {name} is not served here")
        arguments: list[Node] = (node.get("arguments") or {}).get("children") or []
        if kind and arguments:
            first = arguments[0]
            text = first["value"].get("value") if first["type"] == "Literal" else None
            if first["type"] != "Literal" or (isinstance(text, str) and not self._is_type(text)):
                raise denied(f"{name} takes its columns here only if they are written out and lead nowhere")
        for key, value in node.items():
            if key in ("arguments", "parameters"):
                self._left.append(value)
            elif key not in ("type", "name", "alias", "kind", "is_operator", "prefer_subquery_to_function_formatting"):
                raise not_served(f"a table function with {key}")

    def _format(self, node: Node) -> None:
        name = str(node.get("name"))
        if node.get("type") != "Identifier" or node.get("children"):
            raise not_served("a FORMAT that is a parameter")
        format_named(name, self._vocabulary)
        self._found.format_name = name


def format_named(name: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """The format's own name and its Content-Type; raises EngineError, as the engine words it, for one that no answer is given in."""
    found = vocabulary.formats.get(name.lower())
    if found is None:
        raise EngineError(f"Code: 73. DB::Exception: Unknown format {name[:40]}. (UNKNOWN_FORMAT)")
    return found


def _parameters(node: Node) -> set[str]:
    children = node.get("children") or []
    if any(child.get("type") != "QueryParameter" for child in children):
        raise not_served("a name that is put together")
    return {child["name"] for child in children}


def _changes(settings: Node) -> dict[str, str]:
    """Settings by name; raises EngineError for what sets none, such as DEFAULT, by which a limit would be lifted."""
    if settings.get("type") != "SetQuery" or not settings.keys() <= {"type", "is_standalone", "changes"}:
        raise EngineError(
            "Code: 164. DB::Exception: SETTINGS with DEFAULT or a parameter can't be set here. (READONLY)"
        )
    changes: dict[str, str] = {}
    for change in settings.get("changes") or ():
        value = change["value"]
        if not isinstance(value.get("value"), str | int | float):
            raise EngineError(
                f"Code: 164. DB::Exception: Cannot modify '{change['name'][:80]}' setting here. (READONLY)"
            )
        changes[change["name"]] = str(value["value"])
    return changes
