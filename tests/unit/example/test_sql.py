from __future__ import annotations

import duckdb
import pytest

from small_rvbbit.sql import rewrite

ROWS = "SELECT * FROM (VALUES ('Apple iPhone')) AS t(product_name)"
REWRITTEN = (
    "SELECT source.*, rvbbit_run('traits/extract_brand.yaml', CAST(to_json(source) AS VARCHAR)) AS brand "
    f"FROM ({ROWS}\n) AS source"
)


@pytest.mark.parametrize(
    "text",
    [
        f"RVBBIT MAP 'traits/extract_brand.yaml' AS brand USING ({ROWS})",
        f"RVBBIT MAP 'traits/extract_brand.yaml' AS brand\nUSING ({ROWS});",
        f"  rvbbit map 'traits/extract_brand.yaml' as brand using({ROWS}) ; ",
        f"/* #c03 */ -- two of them\n RVBBIT MAP 'traits/extract_brand.yaml' AS brand USING ({ROWS})",
    ],
)
def test_a_map_statement_becomes_a_select_that_calls_the_udf_once_a_row(text: str) -> None:
    assert rewrite(text) == REWRITTEN
    assert len(duckdb.extract_statements(REWRITTEN)) == 1


def test_a_comment_at_the_end_of_the_query_hides_nothing_of_ours() -> None:
    text = rewrite(f"RVBBIT MAP 'a.yaml' AS brand USING ({ROWS} -- all of them\n)")
    assert len(duckdb.extract_statements(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "SELECT 'RVBBIT MAP ''a.yaml'' AS b USING (SELECT 1)'",
        "RVBBIT MAP nothing",
        "RVBBIT MAP 'a''); DROP TABLE t; --' AS b USING (SELECT 1)",
        "RVBBIT MAP 'a.yaml' AS two words USING (SELECT 1)",
    ],
)
def test_any_other_statement_stays_as_it_is(text: str) -> None:
    assert rewrite(text) == text
