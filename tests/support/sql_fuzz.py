"""Statements and requests for the SQL door that nobody wrote, made of the engine's own lists and of what leads outside; as the seed says."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.support.canary import Canaries
from tests.support.hostile_sql import STATEMENTS


@dataclass(frozen=True)
class Names:
    """What the engine has, by its own tables."""

    functions: Sequence[str]
    table_functions: Sequence[str]
    formats: Sequence[str]
    tables: Sequence[str]
    settings: Sequence[str]
    engines: Sequence[str]


@dataclass(frozen=True)
class Request:
    """One request to the door: by POST unless `data` is None."""

    parameters: Mapping[str, str]
    data: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


# {f}: a function. {a}, {b}: arguments. Where a call may stand, and where a function's name is none of a call.
_CALLS: Final = (
    "{f}({a})",
    "{f}({a}, {b})",
    "{f}({b}, {a})",
    "{f}(now(), {b}, {a})",
    "{f}({a})({b})",
    "length(toString({f}({a})))",
    "arrayMap({f}, [{a}])",
    "arrayMap(x -> {f}(x), [{a}])",
    "arrayFold((s, x) -> {f}(x), [{a}], '')",
    "arrayReduce('{n}', [{a}])",
    "if(1, {f}({a}), {b})",
    "CASE WHEN {f}({a}) = {b} THEN 1 ELSE {f}({b}) END",
    "(SELECT {f}({a}))",
    "{a} IN (SELECT {f}({a}))",
    "{f}({a}) OVER (ORDER BY {b})",
    "CAST({f}({a}) AS String)",
    "{f}({a})::String",
    "-{f}({a})",
    "tuple({f}({a})).1",
)
_SELECTS: Final = (
    "SELECT {c}",
    "SELECT * APPLY({f}) FROM (SELECT {a} AS x)",
    "SELECT * APPLY(x -> {c}) FROM (SELECT {a} AS x)",
    "SELECT COLUMNS('.*') APPLY {f} FROM (SELECT {a} AS x)",
    "SELECT * REPLACE({c} AS x) FROM (SELECT {a} AS x)",
    "WITH {c} AS y SELECT y",
    "WITH y AS (SELECT {c}) SELECT * FROM y",
    "WITH x -> {f}(x) AS g SELECT g({a})",
    "SELECT 1 WHERE {c} = {b}",
    "SELECT 1 ORDER BY {c} LIMIT 1",
    "SELECT 1 LIMIT {c}",
    "SELECT 1 GROUP BY {c} HAVING {c}",
    "SELECT * FROM numbers(1) WHERE {c}",
    "SELECT * FROM {t}({a})",
    "SELECT * FROM {t}({a}, {b})",
    "SELECT * FROM {t}({b}, {a}, 'x String')",
    "SELECT * FROM view(SELECT * FROM {t}({a}))",
    "SELECT * FROM (SELECT 1) AS l CROSS JOIN {t}({a}) AS r",
    "SELECT * FROM {s}",
    "SELECT 1 IN {s}",
    "SELECT count() FROM unified_logs WHERE {c}",
    "SELECT {c} FROM {t}({a})",
)
_FRAMES: Final = (
    *("{q}",) * 12,
    *(
        "EXPLAIN {q}",
        "EXPLAIN AST {q}",
        "EXPLAIN SYNTAX {q}",
        "EXPLAIN QUERY TREE {q}",
        "EXPLAIN PIPELINE {q}",
        "EXPLAIN ESTIMATE {q}",
    ),
    *(
        "DESCRIBE ({q})",
        "DESCRIBE {t}({a})",
        "DESC TABLE {s}",
        "EXISTS TABLE {s}",
        "SHOW CREATE TABLE {s}",
        "SHOW TABLES WHERE {c}",
    ),
    *(
        "({q}) UNION ALL ({q})",
        "({q}) EXCEPT ({q})",
        "SELECT * FROM ({q})",
        "SELECT ({q})",
        "SELECT EXISTS({q})",
        "{q}; {q}",
        "SELECT 1; {q}",
    ),
    *(
        "INSERT INTO otel_logs_in (Body) {q}",
        "INSERT INTO otel_logs_in (Body) VALUES ({c})",
        "INSERT INTO FUNCTION {t}({a}) {q}",
    ),
    *(
        "INSERT INTO otel_logs_in (Body) FROM INFILE {a} FORMAT {o}",
        "INSERT INTO unified_logs {q}",
        "CREATE TABLE made ENGINE = {e}({a}) AS {q}",
    ),
    *(
        "CREATE VIEW made AS {q}",
        "CREATE TEMPORARY TABLE made AS {q}",
        "CREATE FUNCTION made AS x -> {f}(x)",
        "CREATE DATABASE made ENGINE = {e}({a})",
    ),
    *(
        "ALTER TABLE unified_logs UPDATE caller_id = {c} WHERE 1",
        "ALTER TABLE unified_logs DELETE WHERE {c}",
        "TRUNCATE TABLE unified_logs",
    ),
    *(
        "DROP TABLE {s}",
        "DELETE FROM unified_logs WHERE {c}",
        "SET {k} = {a}",
        "USE {s}",
        "KILL QUERY WHERE {c}",
        "SYSTEM RELOAD FUNCTION {f}",
    ),
    *(
        "BACKUP TABLE unified_logs TO {e}({a})",
        "OPTIMIZE TABLE unified_logs",
        "ATTACH TABLE made FROM {a} (x UInt8) ENGINE = {e}",
        "CHECK TABLE {s}",
    ),
)
_TAILS: Final = (
    *("",) * 10,
    *(" FORMAT {o}", " FORMAT {o}", " INTO OUTFILE {p}", " INTO OUTFILE {p} TRUNCATE", " INTO OUTFILE {p} FORMAT {o}", " SETTINGS {k} = {a}"),
    *(" SETTINGS {k} = 1 FORMAT {o}", " FORMAT {o} SETTINGS {k} = {a}", ";", "; ", " -- {p}", " /* {p} */", ";;", "; DROP TABLE unified_logs"),
)  # fmt: skip
_HOLE: Final = re.compile(r"\{([a-z])\}")
_DEEPEST: Final = 6


class SqlFuzz:
    """Statements and requests from a seed."""

    def __init__(self, names: Names, canaries: Canaries, seed: int) -> None:
        self._names = names
        self._canaries = canaries
        self._dice = random.Random(seed)
        self._functions = self._deck(names.functions)
        self._table_functions = self._deck(names.table_functions)
        path, host = str(canaries.secret), f"127.0.0.1:{canaries.port}"
        self._lead = (
            *(path, str(canaries.folder / "secret.json"), f"file:{path}", f"../../../../../..{path}", f"file://{path}", str(canaries.folder / "*")),
            *(f"http://{host}/", host, f"https://{host}/x", f"s3://{host}/a", f"DateTime('file:{path}')", f"SELECT file('{path}')"),
        )  # fmt: skip
        self._fill: Mapping[str, Callable[[int], str]] = {
            "a": self._argument,
            "b": self._argument,
            "c": lambda depth: self._made(self._dice.choice(_CALLS), depth),
            "e": lambda _: self._dice.choice(names.engines),
            "f": lambda _: self._named(next(self._functions)),
            "k": lambda _: self._dice.choice(names.settings),
            "n": lambda _: next(self._functions),
            "o": lambda _: self._dice.choice(names.formats),
            "p": lambda _: self._text(str(canaries.planted)),
            "q": lambda depth: self._made(self._dice.choice(_SELECTS), depth),
            "s": self._table,
            "t": lambda _: self._named(next(self._table_functions)),
        }

    def statement(self) -> str:
        """One statement, or what looks like one, in some disguise."""
        dice = self._dice
        if dice.random() < 0.25:
            canaries = self._canaries
            given = {"secret": canaries.secret, "planted": canaries.planted, "port": canaries.port}
            text = dice.choice(STATEMENTS).format(**given)
        else:
            text = self._made(dice.choice(_FRAMES) + dice.choice(_TAILS), 0)
        if dice.random() < 0.2:
            text = self._cut_up(text)
        return self._disguised(text)

    def request(self) -> Request:
        """A statement by one of the ways that the door takes, with settings, parameters and headers that somebody might send."""
        dice, parameters, headers = self._dice, {"max_execution_time": "0.5"}, {}
        for _ in range(dice.choice((*(0,) * 8, 1, 3))):
            parameters[dice.choice(self._names.settings)] = dice.choice(("0", "1", "", "DEFAULT", *self._lead))
        if dice.random() < 0.1:
            parameters[f"param_{dice.choice('abx')}"] = dice.choice(self._lead)
        if dice.random() < 0.1:
            name = dice.choice(("Format", "Database", "User", "Key", "Quota", "SSL-Certificate-Auth"))
            headers[f"X-ClickHouse-{name}"] = dice.choice(
                (*self._lead, "default", "system", next(self._functions), "CSV")
            )
        data = self.statement().encode("utf-8", "replace")
        way = dice.random()
        if way < 0.15 and len(data) < 8000:
            return Request({**parameters, "query": data.decode("utf-8", "replace")}, None, headers)
        if way < 0.25 and len(data) < 8000:
            begin = dice.randrange(len(data) + 1)
            return Request({**parameters, "query": data[:begin].decode("utf-8", "replace")}, data[begin:], headers)
        if way < 0.35:
            return Request(parameters, gzip.compress(data, 1), {**headers, "Content-Encoding": "gzip"})
        return Request(parameters, data, headers)

    def _deck(self, names: Sequence[str]) -> Iterator[str]:
        """Each name once, in some order, again and again."""
        while True:
            yield from self._dice.sample(names, len(names))

    def _made(self, form: str, depth: int) -> str:
        return _HOLE.sub(lambda hole: self._fill[hole[1]](depth + 1), form)

    def _argument(self, depth: int) -> str:
        dice = self._dice
        if depth < _DEEPEST and dice.random() < 0.15:
            return self._made(dice.choice(_CALLS), depth)
        if dice.random() < 0.3:
            return dice.choice(
                (
                    "1",
                    "0",
                    "now()",
                    "NULL",
                    "[1]",
                    "'x'",
                    "number",
                    "x",
                    "toDateTime(0)",
                    "tuple(1, 'a')",
                    "map('a', 1)",
                )
            )
        return self._text(dice.choice(self._lead))

    def _text(self, text: str) -> str:
        """An expression for a text."""
        plain = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        half = len(text) // 2
        left, right = ("'" + part.replace("'", "\\'") + "'" for part in (text[:half], text[half:]))
        ways = (
            plain,
            plain,
            plain,
            f"concat({left}, {right})",
            f"unhex('{text.encode().hex()}')",
            f"materialize({plain})",
            f"(SELECT {plain})",
        )
        more = (
            f"reverse('{text[::-1]}')" if "'" not in text else plain,
            "'" + "".join(f"\\x{byte:02x}" for byte in text.encode()) + "'",
            f"[{plain}]",
        )
        return self._dice.choice(ways + more)

    def _table(self, depth: int) -> str:
        dice, path = self._dice, str(self._canaries.secret)
        return dice.choice(
            (
                f"`{path}`",
                f"default.`{path}`",
                f"system.{dice.choice(self._names.tables)}",
                "unified_logs",
                '"system".`tables`',
            )
        )

    def _named(self, name: str) -> str:
        chance = self._dice.random()
        if chance < 0.7:
            return name
        return self._dice.choice(
            (
                f"`{name}`",
                f'"{name}"',
                name.upper(),
                name.lower(),
                f"{name}/**/",
                f"{name} ",
                f"{name}\n",
                f"`\\x{ord(name[0]):02x}{name[1:]}`",
            )
        )

    def _cut_up(self, text: str) -> str:
        dice = self._dice
        words, others = (re.findall(r"\w+|\s+|[^\w\s]", each) for each in (text, dice.choice(STATEMENTS)))
        for _ in range(dice.randint(1, 3)):
            at, begin = dice.randrange(len(words) + 1), dice.randrange(len(others))
            words[at : at + dice.choice((0, 1, 2))] = others[begin : begin + dice.randint(0, 8)]
        return (
            "".join(words)
            .replace("{secret}", str(self._canaries.secret))
            .replace("{planted}", str(self._canaries.planted))
        )

    def _disguised(self, text: str) -> str:
        chance = self._dice.random()
        if chance < 0.6:
            return text
        return self._dice.choice(
            (
                text.replace(" ", "/**/", 2),
                text.replace(" ", "\n", 3),
                text.replace(" ", "\u00a0", 1),
                f"-- SELECT 1\n{text}",
                f"/* SELECT 1 */ {text}",
                f"({text})",
                f"\ufeff{text}",
                f";{text}",
                f"{text}\x00",
                text.upper(),
                text.swapcase(),
                f"{text} -- '",
            )
        )
