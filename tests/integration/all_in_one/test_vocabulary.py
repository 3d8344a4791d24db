"""The gate alone, against the engine's own lists: nothing runs here but what is said to, and no other layer is asked."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.gate import Gate
from rvbbit_otel.all_in_one.statements.query_settings import can_be_set
from rvbbit_otel.all_in_one.statements.vocabulary import JSON_PATH, LAST, ZONE, Rule, lines

REFUSED = Path(__file__).with_name("refused_functions.txt").read_text().split()
# Forms that a function, or its name, can be asked for in. {name}: the function.
FORMS = (
    "SELECT {name}()",
    "SELECT {name}('x')",
    "SELECT {name}('x', 'y', 1)",
    "SELECT `{name}`('x')",
    "SELECT 1 + length(toString({name}('x')))",
    "SELECT {name}(1)(2)",
    "SELECT {name}() OVER ()",
    "SELECT x -> {name}(x)",
    "SELECT arrayMap(x -> {name}(x), ['x'])",
    "SELECT arrayMap({name}, ['x'])",
    "SELECT arrayFold({name}, ['x'], '')",
    "SELECT arrayReduce('{name}', ['x'])",
    "SELECT * APPLY {name} FROM (SELECT 'x' AS y)",
    "SELECT * APPLY(`{name}`) FROM (SELECT 'x' AS y)",
    "SELECT * APPLY(x -> {name}(x)) FROM (SELECT 'x' AS y)",
    "SELECT * REPLACE({name}('x') AS y) FROM (SELECT 'x' AS y)",
    "WITH {name}('x') AS y SELECT y",
    "WITH y AS (SELECT {name}('x')) SELECT * FROM y",
    "SELECT 1 WHERE {name}('x') = 1",
    "SELECT 1 ORDER BY {name}('x')",
    "SELECT 1 LIMIT {name}('x')",
    "SELECT 1 GROUP BY {name}('x') HAVING {name}('y')",
    "SELECT sum(1) OVER (PARTITION BY {name}('x'))",
    "SELECT * FROM numbers({name}('x'))",
    "SELECT 1 IN (SELECT {name}('x'))",
    "SELECT * FROM (SELECT 1 AS a) AS t JOIN (SELECT 1 AS a) AS u ON t.a = {name}('x')",
    "EXPLAIN SELECT {name}('x')",
    "EXPLAIN AST SELECT {name}('x')",
    "DESCRIBE (SELECT {name}('x'))",
    "SHOW TABLES WHERE {name}('x') = ''",
    "(SELECT 1) UNION ALL (SELECT {name}('x'))",
)
TABLE_FORMS = (
    "SELECT * FROM {name}()",
    "SELECT * FROM {name}('x', 'y')",
    "SELECT * FROM `{name}`('x')",
    "SELECT * FROM view(SELECT * FROM {name}('x'))",
    "SELECT 1 IN (SELECT * FROM {name}('x'))",
    "SELECT (SELECT * FROM {name}('x'))",
    "SELECT * FROM (SELECT 1) AS t CROSS JOIN {name}('x') AS u",
    "WITH t AS (SELECT * FROM {name}('x')) SELECT * FROM t",
    "EXPLAIN SELECT * FROM {name}('x')",
    "DESCRIBE {name}('x')",
    "DESC TABLE `{name}`('x')",
)


@pytest.fixture(scope="module")
def gate(engine: Engine) -> Iterator[Gate]:
    gate = Gate(engine.connect, Options(Path("nowhere")))
    yield gate
    gate.close()


def of_engine(engine: Engine, table: str) -> list[str]:
    return [str(name) for (name,) in engine.query(f"SELECT name FROM system.{table} ORDER BY name").rows]


def code(gate: Gate, sql: str) -> int:
    """What the gate says to a statement, 0 if it lets it through."""
    try:
        gate.check(sql)
    except EngineError as error:
        return error.code
    return 0


def test_each_function_of_the_engine_was_read_and_is_in_one_list(engine: Engine) -> None:
    listed = [line.split()[0] for line in lines("functions.txt")]
    assert sorted([*listed, *REFUSED]) == sorted(of_engine(engine, "functions"))


def test_what_the_other_lists_hold_is_the_engine_s(engine: Engine) -> None:
    tables = of_engine(engine, "tables WHERE database = 'system'")
    assert set(lines("system_tables.txt")) - set(tables) == set()
    assert {line.split()[0] for line in lines("table_functions.txt")} - set(
        of_engine(engine, "table_functions")
    ) == set()
    assert set(lines("output_formats.txt")) - set(of_engine(engine, "formats WHERE is_output")) == set()
    assert {line.split()[0] for line in lines("settings.txt")} - set(of_engine(engine, "settings")) == set()


def test_a_function_that_is_in_the_list_passes_by_its_name(gate: Gate) -> None:
    names = [line.split()[0] for line in lines("functions.txt")]
    # 62: a few have a syntax of their own, in which something must stand between the brackets.
    assert [name for name in names if code(gate, f"SELECT `{name}`()") not in (0, 62)] == []
    assert [name for name in names if code(gate, f"SELECT {name}(1, 2, 3)") not in (0, 62, 497)] == []


@pytest.mark.figure(15)
@pytest.mark.parametrize("form", FORMS)
def test_a_function_that_is_not_in_the_list_is_refused_in_each_form(gate: Gate, form: str) -> None:
    seen = {name: code(gate, form.format(name=name)) for name in REFUSED}
    # 46: the engine knows such a name as no aggregate; 62: it takes such a name for the begin of something else.
    assert {name: found for name, found in seen.items() if found not in (46, 62, 497)} == {}
    assert seen["file"] == 497


@pytest.mark.figure(15)
@pytest.mark.parametrize("form", TABLE_FORMS)
def test_a_table_function_that_is_not_in_the_list_is_refused_in_each_form(
    engine: Engine, gate: Gate, form: str
) -> None:
    allowed = {line.split()[0] for line in lines("table_functions.txt")}
    names = [name for name in of_engine(engine, "table_functions") if name not in allowed]
    assert len(names) > 80
    assert {name: found for name in names if (found := code(gate, form.format(name=name))) not in (62, 497)} == {}


@pytest.mark.parametrize(
    "form",
    [
        "SELECT * FROM system.{name}",
        "SELECT * FROM `system`.`{name}`",
        "SELECT 1 IN system.{name}",
        "SELECT * FROM (SELECT 1) AS t CROSS JOIN system.{name} AS u",
        "DESCRIBE system.{name}",
        "SHOW CREATE TABLE system.{name}",
        "SHOW COLUMNS FROM {name} FROM system",
    ],
)
def test_a_table_of_system_that_is_not_in_the_list_is_refused(engine: Engine, gate: Gate, form: str) -> None:
    tables = of_engine(engine, "tables WHERE database = 'system'")
    names = [name for name in tables if name not in lines("system_tables.txt")]
    assert len(names) > 40
    assert {name: found for name in names if (found := code(gate, form.format(name=name))) != 497} == {}
    with pytest.raises(EngineError, match=r"Code: 497\."):
        gate.check(f"SELECT * FROM {names[0]}", database="system")


@pytest.mark.figure(15)
def test_a_setting_that_is_not_in_the_list_is_refused_in_the_statement_too(engine: Engine, gate: Gate) -> None:
    names = [name for name in of_engine(engine, "settings") if not can_be_set(name)]
    assert len(names) > 1000
    forms = (
        "SELECT 1 SETTINGS {name} = 1",
        "SELECT * FROM (SELECT 1 SETTINGS {name} = 1)",
        "SELECT 1 SETTINGS {name} = DEFAULT",
    )
    for form in forms:
        assert {name for name in names[::7] if code(gate, form.format(name=name)) != 164} == set()


def ruled(gate: Gate) -> dict[str, Rule]:
    return {name: gate.vocabulary.functions[name] for line in lines("functions.txt") if (name := line.split()[0])}


def test_an_aggregate_has_few_combinators_and_any_number_is_answered(gate: Gate) -> None:
    assert code(gate, "SELECT sumIf(1, 1), countIfOrNull(1), sumOrDefaultIf(1, 1)") == 0
    for ends in ("If", "OrNull", "ForEach", "State", "Distinct", "IfStateMergeOrNullArray"):
        for count in (20, 1000, 20_000):
            assert code(gate, f"SELECT sum{ends * count}(1, 1)") in (46, 62), ends  # 62: the parser has a limit too.
            assert code(gate, f"SELECT arrayMap(sum{ends * count}, [1])") in (0, 62)


def test_a_json_path_is_written_out_and_has_no_range(gate: Gate) -> None:
    paths = {name: rule for name, rule in ruled(gate).items() if rule.kind == JSON_PATH}
    assert sorted(paths) == ["JSON_EXISTS", "JSON_QUERY", "JSON_VALUE"]
    for name in paths:
        assert code(gate, f"SELECT {name}('{{}}', '$.a.b[*].c[0]')") == 0
        for path in (
            "'$[0 to 9]'",
            "'$[0  TO 9]'",
            "'$[0\tto\n9]'",
            "concat('$', '.a')",
            "materialize('$')",
            "x",
            "'$" + ".a" * 999 + "'",
        ):
            assert code(gate, f"SELECT {name}('{{}}', {path})") == 497, path


def test_a_statement_of_more_elements_than_the_planner_takes_quickly_is_refused(gate: Gate) -> None:
    listed = ", ".join(str(number) for number in range(20_000))
    assert code(gate, f"SELECT 1 IN ({listed})") == 0
    ands = " AND ".join(f"(number = {n} OR number = {n + 1})" for n in range(2000))
    assert code(gate, f"SELECT count() FROM numbers(1) WHERE {ands}") == 168


def test_a_zone_that_is_no_zone_or_not_written_out_is_refused_wherever_one_may_stand(gate: Gate) -> None:
    zones = {name: rule for name, rule in ruled(gate).items() if rule.kind == ZONE}
    assert len(zones) > 150
    passed = []
    for name, rule in zones.items():
        before = ["now()"] * rule.at
        for zone in (
            "'file:/x'",
            "'/x'",
            "'../x'",
            "concat('U', 'TC')",
            "(SELECT 'UTC')",
            "z",
            "if(1, 'UTC', 'x')",
            "toDate('x')",
        ):
            for last in ([], ["1"]):
                sql = f"WITH (x -> 'file:/x') AS toDate, 'file:/x' AS z SELECT {name}({', '.join([*before, zone, *last])})"
                passed += [sql] if code(gate, sql) == 0 else []
        assert code(gate, f"SELECT {name}({', '.join([*before, repr('UTC')])})") == 0, name
    assert passed == []


def test_a_type_that_is_not_written_out_or_leads_to_a_file_is_refused_wherever_one_may_stand(gate: Gate) -> None:
    types = {name: rule for name, rule in ruled(gate).items() if rule.kind not in ("", ZONE, JSON_PATH)}
    assert len(types) == 16
    passed = []
    for name, rule in types.items():
        before = ["x"] * (2 if rule.at == LAST else rule.at)
        for text in (
            "'DateTime(\\'file:/x\\')'",
            "'a.:`DateTime(\\'file:/x\\')`'",
            "concat('String')",
            "y",
            "(SELECT 'String')",
        ):
            sql = f"SELECT {name}({', '.join([*before, text])})"
            passed += [sql] if code(gate, sql) == 0 and "`" not in text else []
            passed += [sql] if code(gate, sql) == 0 and name == "tupleElement" else []
    assert passed == []


@pytest.mark.figure(15)
def test_no_function_of_the_list_opens_a_file_that_its_arguments_name(
    engine: Engine, gate: Gate, tmp_path: Path
) -> None:
    """Each runs on a connection that may do all, with a path, and with a path as a zone and in a type, in each of three places."""
    canary = tmp_path / "canary"
    canary.write_text("canary")
    free = [name for name, rule in ruled(gate).items() if not rule.kind and name not in ("sleep", "sleepEachRow")]
    connection = engine.connect()
    connection.query("SET max_execution_time = 2, max_memory_usage = 300000000, max_threads = 1")
    seen = []
    with Opened(canary) as opened:
        for name, (path, *rest) in itertools.product(free, calls(str(canary))):
            sql = f"SELECT `{name}`({', '.join(rest)})"
            try:
                connection.query(sql, "Null")
            except RuntimeError as error:
                seen += [sql] if f"load time zone {path}" in str(error) else []
        seen += ["opened"] * opened.count()
        # That it would be seen.
        with pytest.raises(RuntimeError):
            connection.query(f"SELECT toTimeZone(now(), 'file:{canary}')")
        assert opened.count() > 0
    connection.close()
    assert seen == []


def calls(path: str) -> list[list[str]]:
    """Arguments that hold a path, with what the engine would call it in an error before them."""
    zone = f"file:{path}x"  # That is never there, and a name that failed once is not looked for again.
    made = []
    for count in (1, 2, 3):
        for place, other in itertools.product(range(count), ("now()", "'2020-01-01'") if count < 3 else ("now()",)):
            for text in (repr(path), repr(zone), f"'DateTime(\\'{zone}\\')'"):
                made.append([zone, *(text if at == place else other for at in range(count))])
    return made


class Opened:
    """Counts how often a file is opened, by inotify."""

    def __init__(self, file: Path) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._file = file

    def __enter__(self) -> Opened:
        self._descriptor = self._library.inotify_init1(os.O_NONBLOCK)
        assert self._library.inotify_add_watch(self._descriptor, os.fsencode(self._file), 0x20) >= 0  # IN_OPEN
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def count(self) -> int:
        try:
            return len(os.read(self._descriptor, 65536)) // 16
        except BlockingIOError:
            return 0
