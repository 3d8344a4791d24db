"""The names that a question may use: lists of ours, read by people, held against what this engine has.

A list says what is allowed. What the engine has besides is refused by name; what neither has gets the engine's own word for unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

# Column 2 of a line of functions.txt: what some of a function's arguments are.
ZONE, TYPE, PATH, AGGREGATE, JSON_PATH = "zone", "type", "path", "aggregate", "JSON path"
# The last argument, wherever that is.
LAST = -1


@dataclass(frozen=True)
class Rule:
    """The kind of name that a function's arguments from `at` on (or the one at `at`) hold; kind "" for a function
    that takes any.
    """

    kind: str = ""
    at: int = 0


@dataclass(frozen=True)
class Vocabulary:
    """Our lists and the engine's, side by side. Names of functions that the engine takes in any case are looked up in lower case as well.

    functions: what may be used, with what to look at. table_functions: likewise. system_tables: tables of `system` that may be read.
    formats: by its name in lower case, a format's own name and its Content-Type. zones: the time zones that the engine has in itself.
    higher_order: functions that may take another one by its bare name.
    """

    functions: Mapping[str, Rule]
    table_functions: Mapping[str, str]
    system_tables: frozenset[str]
    formats: Mapping[str, tuple[str, str]]
    zones: frozenset[str]
    higher_order: frozenset[str]
    engine_functions: frozenset[str]
    engine_system_tables: frozenset[str]
    combinators: tuple[str, ...]

    def function(self, name: str) -> Rule | None:
        """The rule of a function that a question may use, None for one that it may not."""
        base = self._engine_name(name)
        return None if base is None else self.functions.get(base)

    def is_function(self, name: str) -> bool:
        """Return whether the engine has a function of that name."""
        return self._engine_name(name) is not None

    def may_take_functions(self, name: str) -> bool:
        """Return whether a bare name among the function's arguments may be a function."""
        return self._engine_name(name) in self.higher_order

    def is_zone(self, name: str) -> bool:
        """Return whether the engine knows the time zone by itself; it would look for any other name in files."""
        offset = name.removeprefix("Fixed/UTC")
        return name in self.zones or (offset != name and not offset.strip("+-:0123456789"))

    def _engine_name(self, name: str) -> str | None:
        """What the engine has it as: as it is, in lower case, or, of an aggregate, without the combinators at its end; None for no function."""
        names = [name]
        for _ in range(_MOST_COMBINATORS + 1):
            for each in names:
                for own in (each, _LOWER_CASED + each.lower()):
                    if own in self.engine_functions:
                        return own
            bases = (
                each.removesuffix(end)
                for each in names
                for end in self.combinators
                if each.endswith(end) and each != end
            )
            names = list(dict.fromkeys(bases))
        return None


# An aggregate has one or two. The engine nests a state for each, so that a thousand of them cost it seconds.
_MOST_COMBINATORS = 8
# Parts of SQL that stand in a tree as functions do, and that the engine does not list among them.
_OF_THE_LANGUAGE = ("exists", "grouping", "untuple")
# Before names that are looked up in lower case, so that they are no one's but theirs.
_LOWER_CASED = "any case: "


def read_vocabulary(ask: Callable[[str], bytes]) -> Vocabulary:
    """`ask` answers a statement in the format JSONCompactEachRow."""
    rows = [json.loads(line) for line in ask(_text("vocabulary.sql")).splitlines()]
    of_kind: dict[str, dict[str, str]] = {}
    for kind, name, more in rows:
        of_kind.setdefault(kind, {})[name] = more
    engine = {**of_kind["function"], **dict.fromkeys(_OF_THE_LANGUAGE, "00")}
    ours = {**dict(_rules(lines("functions.txt"))), **dict.fromkeys(_OF_THE_LANGUAGE, Rule())}
    formats = set(lines("output_formats.txt"))
    return Vocabulary(
        functions=_in_any_case({name: rule for name, rule in ours.items() if name in engine}, engine),
        table_functions={
            name: more
            for name, _, more in (line.partition(" ") for line in lines("table_functions.txt"))
            if name in of_kind["table function"]
        },
        system_tables=frozenset(lines("system_tables.txt")),
        formats={name.lower(): (name, more) for name, more in of_kind["format"].items() if name in formats},
        zones=frozenset(of_kind["zone"]) | {""},
        higher_order=frozenset(_in_any_case({name: Rule() for name, more in engine.items() if more[1] == "1"}, engine)),
        engine_functions=frozenset(_in_any_case(dict.fromkeys(engine, Rule()), engine)),
        engine_system_tables=frozenset(of_kind["system table"]),
        combinators=tuple(of_kind["combinator"]),
    )


def lines(file: str) -> list[str]:
    """Return the lines of one of our lists, without comments."""
    return [line for line in _text(file).splitlines() if line and not line.startswith("#")]


def _text(file: str) -> str:
    return (files(__package__) / "allowed" / file).read_text(encoding="utf-8")


def _rules(listed: Iterable[str]) -> Iterator[tuple[str, Rule]]:
    for line in listed:
        name, _, said = line.partition(" ")
        kind, _, at = said.partition("=")
        yield name, Rule(kind.replace("-", " "), LAST if at == "last" else int(at or 0))


def _in_any_case(rules: Mapping[str, Rule], engine: Mapping[str, str]) -> dict[str, Rule]:
    lowered = {_LOWER_CASED + name.lower(): rule for name, rule in rules.items() if engine[name][0] == "1"}
    return {**lowered, **rules}
