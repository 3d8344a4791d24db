"""The ground truth of every attribution test must itself be certain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import drive


def journal(path: Path, *events: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def caller(caller_id: str, query: str | None) -> dict[str, object]:
    return {"event": "caller", "caller_id": caller_id, "sql_query": query}


def session(session_id: str, product: str) -> dict[str, object]:
    return {
        "event": "session",
        "session_id": session_id,
        "input": {"product_name": product},
        "caller_id": None,
        "parent_session_id": None,
        "native_thread": True,
    }


def test_a_session_belongs_to_the_caller_whose_query_has_its_marker(tmp_path: Path) -> None:
    sessions = drive.truth(
        journal(
            tmp_path / "journal.jsonl",
            caller("sql-1", drive.map_query([f"'{name}'" for name in drive.products(10, 2)])),
            caller("sql-2", "/* #c100 */ RVBBIT MAP 'a.yaml' AS b USING (SELECT $1 AS product_name)"),
            caller("sql-3", "BEGIN"),
            session("s-1", "Apple iPhone #c10r00"),
            session("s-2", "Apple iPhone #c100r07"),
        )
    )
    assert sessions == [
        drive.Session("s-1", "sql-1", None, None, True, 10),
        drive.Session("s-2", "sql-2", None, None, True, 100),
    ]


def test_a_session_without_a_marker_belongs_to_the_caller_whose_query_has_its_product(tmp_path: Path) -> None:
    path = journal(tmp_path / "journal.jsonl", caller("sql-1", drive.ACCEPTANCE_QUERY), session("s-1", "Apple iPhone"))
    assert drive.truth(path) == [drive.Session("s-1", "sql-1", None, None, True, None)]


@pytest.mark.parametrize(
    "callers",
    [[], [caller("cli-1", None)], [caller("sql-1", "SELECT '#c01r00'"), caller("sql-2", "SELECT '#c01r01'")]],
    ids=["nobody", "a caller without SQL", "two callers"],
)
def test_an_owner_that_is_not_certain_is_an_error_and_no_guess(
    tmp_path: Path, callers: list[dict[str, object]]
) -> None:
    path = journal(tmp_path / "journal.jsonl", *callers, session("s-1", "Apple iPhone #c01r00"))
    with pytest.raises(ValueError, match="the owner of session s-1 is not known: 'Apple iPhone #c01r00'"):
        drive.truth(path)


@pytest.mark.parametrize("rows", [1, 3, 4, 10])
def test_a_query_has_every_row_once_in_up_to_four_parts(rows: int) -> None:
    query = drive.map_query([f"'{name}'" for name in drive.products(3, rows)])
    assert sorted(query.split("'")[3::2]) == sorted(drive.products(3, rows))
    assert query.count("UNION ALL") == min(rows, 4) - 1
