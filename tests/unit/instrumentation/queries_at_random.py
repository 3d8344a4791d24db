"""Random programs of several threads that query shared databases for several callers, where each call of the UDF says itself whose it is.

`python -m tests.unit.instrumentation.queries_at_random 0 100` runs the programs 0 to 99 and prints the share of each answer.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from duckdb.sqltypes import BIGINT, VARCHAR
from opentelemetry.sdk.trace import TracerProvider

from rvbbit_otel import called_by
from rvbbit_otel.attribution.propagation import caller_id_of
from rvbbit_otel.instrumentation import RunnerSpec, RvbbitInstrumentor, runners
from rvbbit_otel.instrumentation.runners import duckdb as duckdb_hooks

TWO = int(duckdb.__version__.partition(".")[0]) >= 2
SPEC = RunnerSpec("random", "duckdb", duckdb_hooks.HOOKS)
# Several branches, so that DuckDB's own threads have something to do.
BRANCHES = 6


def union(expression: str, rows: int = 12, branches: int = BRANCHES) -> str:
    return " UNION ALL ".join(
        f"SELECT {expression} AS x, {branch} AS b FROM range({rows}) t(i)" for branch in range(branches)
    )


def reader_of(relation: Any) -> Any:
    return relation.to_arrow_reader(10) if TWO else relation.fetch_record_batch(10)


class Program:
    """One random program."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        # (what was answered, on a thread of DuckDB's own?)
        self.answers: Counter[tuple[str, bool]] = Counter()
        self.wrong: list[tuple[str, object, str | None]] = []
        self.lock = threading.Lock()
        # Whose a relation's calls are is known when it is executed.
        self.executed_by: dict[str, str | None] = {}
        self.relations: list[tuple[str, Any]] = []
        self.readers: list[Any] = []
        self.number = 0
        self.file = str(folder / f"{seed}.duckdb")
        self.databases = [self._opened(":memory:", 1), self._opened(":memory:", 4), self._opened(self.file, 4)]
        self.shared = [connection.cursor() for connection in self.databases]

    def run(self, threads: int, steps: int) -> None:
        """Run it to its end."""
        workers = [threading.Thread(target=self._work, args=(number, steps)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.relations.clear()
        self.readers.clear()
        for connection in (*self.shared, *self.databases):
            connection.close()

    def _opened(self, name: str, threads: int) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(name)
        connection.execute(f"SET threads TO {threads}")
        connection.create_function("udf", self._called, [VARCHAR, BIGINT], BIGINT, side_effects=True)
        connection.execute("CREATE MACRO hidden(m, i) AS udf(m, i)")
        connection.execute("CREATE TABLE t(i BIGINT)")
        return connection

    def _called(self, marker: str, number: int) -> int:
        answer = caller_id_of(None)
        truth = self.executed_by[marker] if marker in self.executed_by else marker.partition("/")[0]
        frame = sys._getframe().f_back
        while frame is not None and frame.f_globals["__name__"].startswith("rvbbit_otel."):
            frame = frame.f_back
        if number % 4 == 0:
            time.sleep(0.0003)  # As a call to a model, it lets others run.
        with self.lock:
            kind = "right" if answer == truth else "none" if answer is None else "wrong"
            self.answers[kind, frame is None] += 1
            if kind == "wrong":
                self.wrong.append((marker, truth, answer))
        if number == 999:
            raise ValueError("a call that fails")
        return number

    def _work(self, worker: int, steps: int) -> None:
        dice = random.Random(f"{self.seed}-{worker}")
        mine = [dice.choice(self.databases).cursor() for _ in range(3)] + [duckdb.connect(self.file)]
        half_read: list[Any] = []
        for _ in range(steps):
            with self.lock:
                self.number += 1
                number = self.number
            caller = f"c-{worker}-{dice.randrange(3)}"
            connection = dice.choice(mine) if dice.random() < 0.8 else dice.choice(self.shared)
            step = dice.choice(STEPS)
            with suppress(duckdb.Error), called_by(caller):
                step(self, connection, caller, f"{caller}/{number}", dice, half_read)
        for connection in mine:
            with suppress(duckdb.Error):  # DuckDB 2 refuses while its own threads are still busy with it.
                connection.close()


Step = Callable[[Program, Any, str, str, random.Random, list[Any]], object]


def whole(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(union(f"udf('{marker}', i)")).fetchall()


def half_read(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(union(f"udf('{marker}', i)", 3_000, 3)).fetchone()
    half.append(con)


def go_on(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    if half:
        fetches = ("fetchone", "fetchall", "fetchnumpy", "fetchmany")
        getattr(half.pop(), dice.choice(fetches))()


def again(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(union(f"udf('{marker}', i)"))
    con.execute(union(f"udf('{marker}', i)")).fetchmany(7)


def one_row(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(f"SELECT udf('{marker}', 1)").fetchone()


def aggregate(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(f"SELECT sum(udf('{marker}', i)) FROM range(50) t(i)").fetchone()


def idle(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(dice.choice(["SELECT 1", "SELECT i FROM range(100000) t(i)", "SELECT * FROM t"])).fetchone()


def fails(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(
        dice.choice(
            [f"SELECT udf('{marker}', nope)", f"SELEC udf('{marker}', 1)", union(f"udf('{marker}', 990 + i)", 20)]
        )
    ).fetchall()


def writes(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    con.execute(f"INSERT INTO t SELECT udf('{marker}', i) FROM range(20) r(i)")
    con.executemany("INSERT INTO t SELECT udf($1, $2)", [[marker, 1], [marker, 2]])


def hides(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    if dice.random() < 0.5:
        con.execute(union(f"hidden('{marker}', i)", 3_000, 2)).fetchone()
        half.append(con)
    else:
        con.execute(f"PREPARE p AS {union('udf($1, i)')}")
        con.execute(f"EXECUTE p('{marker}')").fetchall()


# DuckDB hangs where a relation is dropped while another thread is in its connection: so each has one of its own.
def relation(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    made = con.cursor().sql(union(f"udf('{marker}', i)"))
    dice.choice(
        [
            made.fetchall,
            made.fetchnumpy,
            lambda: repr(made),
            lambda: len(made),
            lambda: made.filter("true").fetchall(),
            lambda: made.create(marker.replace("/", "_")),
        ]
    )()


def made_for_another(
    program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]
) -> None:
    name = f"relation/{marker}"
    cursor = con.cursor()
    made = (
        cursor.values([1]).project(f"udf('{name}', col0)")
        if dice.random() < 0.3
        else cursor.sql(union(f"udf('{name}', i)"))
    )
    with program.lock:
        program.relations.append((name, made))


def anothers(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    with program.lock:
        name, made = program.relations.pop() if program.relations else ("", None)
    if made is None:
        return
    program.executed_by[name] = caller
    if TWO or dice.random() < 0.5:
        made.fetchall()
    else:
        made.fetchone()
        with called_by("another"):
            made.fetchmany(5)


def hands_out(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    reader = reader_of(con.cursor().sql(union(f"udf('{marker}', i)", 3_000, 2)))
    reader.read_next_batch()
    with program.lock:
        program.readers.append(reader)


def reads_on(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    with program.lock:
        reader = program.readers.pop(0) if program.readers else None
    if reader is not None:
        reader.read_all()


def drops(program: Program, con: Any, caller: str, marker: str, dice: random.Random, half: list[Any]) -> None:
    cursor = con.cursor()
    cursor.execute(union(f"udf('{marker}', i)", 3_000, 3)).fetchone()
    if not TWO:  # There a thread that drops it may hang: it keeps the interpreter's lock while it waits.
        cursor.close()


STEPS: list[Step] = [
    *[whole] * 4,
    *[half_read, go_on, go_on, again, one_row, aggregate, idle, fails, writes, hides],
    *[relation, relation, made_for_another, anothers, hands_out, reads_on, drops],
]


def main(first: int, programs: int) -> None:
    runners.SHIPPED = (SPEC,)
    RvbbitInstrumentor().instrument(tracer_provider=TracerProvider(shutdown_on_exit=False))
    current = RvbbitInstrumentor().current
    assert current is not None
    answers: Counter[tuple[str, bool]] = Counter()
    wrong = []
    for seed in range(first, first + programs):
        with TemporaryDirectory() as folder:
            program = Program(seed, Path(folder))
            program.run(4, 25)
        answers.update(program.answers)
        wrong += program.wrong
    print(share(answers), current.counters.snapshot(), wrong[:5])


def share(answers: Counter[tuple[str, bool]]) -> str:
    """How the calls were answered, in words."""
    calls = sum(answers.values())
    said = [
        f"{kind} on {'native' if native else 'asking'} threads {number / calls:.1%}"
        for (kind, native), number in sorted(answers.items())
    ]
    return f"{calls} calls: {', '.join(said)}"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
