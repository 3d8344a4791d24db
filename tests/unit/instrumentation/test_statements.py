from __future__ import annotations

import pytest

from rvbbit_otel.instrumentation.state import statements

LONG = "x" * statements.MOST_CHARACTERS


@pytest.mark.parametrize(
    "text",
    [
        "SET threads TO 1",
        "  insert into t values (udf(1)); ",
        "CREATE TABLE t AS SELECT udf(i) FROM u",
        "SELECT 1",
        "select 'a' AS b, 2;",
        "SELECT count(udf(i)) FROM t",
        "SELECT sum(x), max(y) FROM t JOIN u USING (i) WHERE z",
    ],
)
def test_statements_that_have_done_all_when_they_return(text: str) -> None:
    assert statements.leaves_nothing(text, frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT udf(i) FROM t",
        "SELECT * FROM t",
        "FROM t",
        "SELECT udf(1)",  # It may be a macro that yields many rows.
        "INSERT INTO t SELECT 1 RETURNING udf(i)",
        "SET threads TO 1; SELECT udf(i) FROM t",
        "SELECT 1; SELECT udf(i) FROM t",
        "SELECT count(*) FROM t GROUP BY i",
        "SELECT count(*) OVER () FROM t",
        "SELECT count(*) FROM t UNION ALL SELECT udf(i) FROM t",
        "SELECT count(*), unnest([1, 2]) FROM t",
        "SELECT 1 UNION SELECT i FROM t",
        "SELECT DISTINCT count(*) FROM t",
        "WITH x AS (SELECT 1) SELECT udf(i) FROM x",
        f"SELECT 1 -- {LONG}",
        "",
    ],
)
def test_statements_of_which_something_may_be_left(text: str) -> None:
    assert not statements.leaves_nothing(text, frozenset())


@pytest.mark.parametrize("macros", [frozenset({"count"}), None], ids=["a macro of that name", "unknown macros"])
def test_an_aggregate_that_may_be_a_macro_may_have_more_rows(macros: frozenset[str] | None) -> None:
    assert not statements.leaves_nothing("SELECT count(i) FROM t", macros)
    assert statements.leaves_nothing("SELECT 1", macros)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("SELECT udf(i) FROM t", frozenset()),
        ("INSERT INTO created VALUES (1)", frozenset()),
        ("CREATE VIEW v AS SELECT UDF(i)", {"create", "view", "v", "as", "select", "udf", "i"}),
        ("SELECT 1; prepare p AS SELECT udf(1)", {"select", "1", "prepare", "p", "as", "udf"}),
        ("ALTER TABLE t ALTER i SET DEFAULT udf(1)", {"alter", "table", "t", "i", "set", "default", "udf", "1"}),
        ("ATTACH 'other.db'", None),
        ("IMPORT DATABASE 'folder'", None),
        ("COPY FROM DATABASE a TO b", None),
        (f"INSERT INTO t VALUES ('{LONG}')", frozenset()),
        (f"CREATE VIEW v AS SELECT '{LONG}'", None),
    ],
)
def test_names_that_later_statements_may_use_without_saying_them(text: str, kept: set[str] | None) -> None:
    assert statements.kept_names(text) == kept


def test_a_macro_is_told_from_a_view() -> None:
    assert statements.makes_macros(statements.words_of("CREATE MACRO m(a) AS udf(a)"))
    assert statements.makes_macros(statements.words_of("CREATE OR REPLACE FUNCTION m(a) AS udf(a)"))
    assert not statements.makes_macros(statements.words_of("CREATE VIEW v AS SELECT udf(a)"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("SELECT udf(i) FROM t", True),
        ('SELECT main."UDF" (i) FROM t', True),
        ("SELECT i.udf() FROM t", True),
        ("SELECT udf2(i), my_udf(i) FROM t", False),
        ("SELECT 1", False),
        ("FROM query('SELECT ' || 'u' || 'df(1)')", True),
        ("EXECUTE p(1)", True),
        ('SELECT U&"\\0075df"(1)', True),
        (f"SELECT '{LONG}'", True),
    ],
)
def test_whether_a_statement_says_a_functions_name(text: str, named: bool) -> None:
    assert statements.names_it(text, "udf") is named


def test_a_name_that_is_no_word_may_be_anywhere() -> None:
    assert statements.names_it("SELECT 1", "my udf")
