"""SQLAlchemy by either dialect: `sql_alchemy.py URL connect|sqlalchemy`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pandas
from checks import check, equal, refused
from sqlalchemy import MetaData, Table, create_engine, func, inspect, select, text

_PREFIX = {"connect": "clickhousedb://", "sqlalchemy": "clickhouse+http://"}
ACCEPTANCE = (
    "SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count FROM unified_logs "
    "WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 1 DAY GROUP BY caller_id"
)


def main(url: str, dialect: str) -> None:
    engine = create_engine(_PREFIX[dialect] + "default:@" + url.removeprefix("http://") + "/default")

    def rows(statement: Any, **values: object) -> list[tuple[object, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement, values)]

    def table() -> Table:
        return Table("unified_logs", MetaData(), autoload_with=engine)

    by_session: Callable[[Table], Any] = lambda logs: (  # noqa: E731
        select(logs.c.session_id, func.count().label("n"))
        .where(logs.c.caller_id == "sql-fox")
        .group_by(logs.c.session_id)
        .order_by(logs.c.session_id)
    )
    check("one", lambda: equal(rows(text("SELECT 1")), [(1,)]))
    check("our_rows", lambda: equal(rows(by_session(table())), [("s1", 4), ("s2", 2)]))
    check("limit", lambda: equal(len(rows(select(table().c.session_id).limit(3).offset(1))), 3))
    check("bound", lambda: equal(rows(text("SELECT :a"), a="it's"), [("it's",)]))
    check("acceptance", lambda: equal(rows(text(ACCEPTANCE)), [("sql-fox", 6, 2)]))
    check("schemas", lambda: equal({"default", "system"} - set(inspect(engine).get_schema_names()), set()))
    check("tables", lambda: equal({"unified_logs", "otel_traces"} - set(inspect(engine).get_table_names()), set()))
    check("has_table", lambda: equal(inspect(engine).has_table("unified_logs"), True))
    check("has_no_table", lambda: equal(inspect(engine).has_table("nowhere"), False))
    check("views", lambda: inspect(engine).get_view_names())
    check(
        "columns",
        lambda: equal(
            {"caller_id", "session_id"} - {column["name"] for column in inspect(engine).get_columns("unified_logs")},
            set(),
        ),
    )
    check("keys", lambda: inspect(engine).get_pk_constraint("unified_logs"))
    check("indexes", lambda: inspect(engine).get_indexes("unified_logs"))
    check("foreign_keys", lambda: equal(inspect(engine).get_foreign_keys("unified_logs"), []))
    check("frame", lambda: equal(pandas.read_sql(text(ACCEPTANCE), engine.connect()).shape, (1, 3)))
    check("long_answer", lambda: equal(len(rows(text("SELECT number, toString(number) FROM numbers(100000)"))), 100000))
    check("syntax_error", lambda: refused(62, lambda: rows(text("SELEC 1"))))
    check("unknown_table", lambda: refused(60, lambda: rows(text("SELECT * FROM nowhere"))))
    check("no_write", lambda: refused(497, lambda: rows(text("DROP TABLE unified_logs"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
