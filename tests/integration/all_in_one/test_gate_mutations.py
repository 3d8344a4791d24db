"""Statements that nobody wrote: hostile ones cut up and put together anew, by a seed that a failure prints. What passes holds nothing refused."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.sizes import SEED, sized

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.gate import Gate

SEEDS = (20261126, 7, SEED)
MUTATIONS = sized(1500, full=15_000)
REFUSED = frozenset(Path(__file__).with_name("refused_functions.txt").read_text().split())
# The lines of EXPLAIN AST for a call. Those for names and values begin with other words.
CALL = re.compile(r"^ *Function (\S+)", re.MULTILINE)
WHOLE = (
    "SELECT file('x'), a, 'b' AS `c'd` FROM t WHERE x = 'y' GROUP BY z ORDER BY file('x') LIMIT 1",
    "SELECT arrayMap(x -> file(x), ['x']), arrayMap(file, ['y']), * APPLY(file) FROM (SELECT 'x' AS y)",
    "WITH t AS (SELECT 1 AS a) SELECT t.* EXCEPT a REPLACE(file('x') AS b), COLUMNS('x.*') APPLY file FROM t",
    "SELECT CASE WHEN file('a') = 'b' THEN 1 ELSE 2 END, INTERVAL 1 DAY, CAST(x AS Array(String)), a::UInt8, -x, NOT y",
    "SELECT sum(x) OVER (PARTITION BY file('a') ORDER BY b), quantile(0.5)(x), count() FILTER (WHERE url('x'))",
    "SELECT * FROM url('http://127.0.0.1/') AS u JOIN numbers(10) AS n ON u.a = n.number, values('a UInt8', 1)",
    "SELECT toTimeZone(now(), 'file:/etc/hostname'), {x:String}, {y:Identifier} FROM system.certificates SETTINGS a = 1 FORMAT JSON",
    "DESCRIBE (SELECT file('x')) FORMAT TSV",
    "EXPLAIN AST SELECT dictGet('a', 'b', 1)",
    "SHOW TABLES FROM system LIKE 'a%' LIMIT 3",
    "SHOW CREATE TABLE `a`.`b`",
    "SELECT 1 UNION ALL (SELECT file('x')) INTERSECT SELECT 2 INTO OUTFILE 'x' TRUNCATE",
    "SELECT $a$text$a$, 'it''s', \"q\", `b`, /* file('x') */ 1 -- file('y')",
)
PIECES = (
    "'",
    '"',
    "`",
    "\\",
    "--",
    "\n",
    "/*",
    "*/",
    "(",
    ")",
    ",",
    ";",
    "$$",
    "file",
    "APPLY",
    "x ->",
    "AS",
    "IN",
    "SELECT",
    "::",
    "*",
)


@pytest.fixture(scope="module")
def gate(engine: Engine) -> Iterator[Gate]:
    gate = Gate(engine.connect, Options(Path("nowhere")))
    yield gate
    gate.close()


def mutated(by: random.Random) -> str:
    cut, other = (re.findall(r"\w+|\s+|[^\w\s]", by.choice(WHOLE)) for _ in range(2))
    for _ in range(by.randint(1, 4)):
        at = by.randrange(len(cut) + 1)
        chance = by.random()
        if chance < 0.3:
            cut.insert(at, by.choice(PIECES))
        elif chance < 0.6:
            begin = by.randrange(len(other))
            cut[at:at] = other[begin : begin + by.randint(1, 12)]
        else:
            del cut[at : at + by.randint(1, 3)]
    return "".join(cut)


@pytest.mark.figure(15)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_mutation_of_a_hostile_statement_passes_with_a_call_that_is_refused(
    engine: Engine, gate: Gate, seed: int
) -> None:
    by = random.Random(seed)
    passed = 0
    for _ in range(MUTATIONS):
        text = mutated(by)
        try:
            checked = gate.check(text)
        except EngineError:
            continue
        passed += 1
        if checked.statement.startswith((b"SELECT", b"WITH", b"(")):
            with engine.reader() as reader:
                try:
                    tree = reader.run(b"EXPLAIN AST " + checked.statement, "TSVRaw").body.decode(errors="replace")
                except EngineError as error:
                    # It asks for a parameter, or for a mode of its UNION.
                    assert error.code in (456, 558), (seed, text, checked.statement)
                    continue
            assert set(CALL.findall(tree)) & REFUSED == set(), (seed, text, checked.statement)
    assert passed > MUTATIONS // 50
