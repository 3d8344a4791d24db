"""Every question of the page of questions, as it stands there, through the SQL listener, on rows of which each answer is known."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.all_in_one import running_all_in_one
from tests.support.otlp import NOW, SpanRecord, Value, row, traces

from rvbbit_otel.storage.client import ClickHouseDatabase

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "questions.md"
QUESTIONS = {
    int(number): sql.strip()
    for number, sql in re.findall(r"^## (\d+)\..*?^```sql\n(.*?)^```", PAGE.read_text(), re.M | re.S)
}
DAY, MS = 86_400 * 10**9, 1_000_000
# Noon, so that no row slips into the next day.
NOON = NOW // DAY * DAY - DAY // 2


def span(
    number: int,
    session: str,
    caller: str,
    name: str,
    took: int,
    at: int = NOON,
    error: str | None = None,
    /,
    **more: Value,
) -> SpanRecord:
    return SpanRecord(
        number, row(number, session, caller, **more).attributes, name, at + number * 1000 * MS, took * MS, error=error
    )


def call(
    number: int, session: str, caller: str, cost: float | None, took: int, at: int = NOON, /, **more: Value
) -> SpanRecord:
    usage: dict[str, Value] = {
        "gen_ai__usage__input_tokens": 100,
        "gen_ai__usage__output_tokens": 10,
        "gen_ai__operation__name": "chat",
    }
    stated: dict[str, Value] = {} if cost is None else {"gen_ai__usage__cost": cost}
    return span(number, session, caller, "chat", took, at, **{"gen_ai__request__model": "m", **usage, **stated, **more})


def root(number: int, caller: str, metadata: str) -> SpanRecord:
    attributes: dict[str, Value] = {
        "rvbbit.kind": "caller",
        "rvbbit.caller.id": caller,
        "rvbbit.caller.origin": "web" if caller == "b" else "sql",
        "rvbbit.caller.metadata": metadata,
    }
    return SpanRecord(number, attributes, f"caller {caller}", NOON)


ROWS = (
    root(1, "a", '{"user": "ann", "sql_query": "SELECT 1"}'),
    root(2, "b", '{"user": "bob"}'),
    root(3, "c", '{"user": "ann", "sql_query": "SELECT 22"}'),
    span(10, "s1", "a", "cascade c1", 900, rvbbit__kind="cascade", rvbbit__cascade__id="c1"),
    call(11, "s1", "a", 0.5, 100, rvbbit__cascade__id="c1", gen_ai__usage__cache_read__input_tokens=40),
    call(12, "s1", "a", 0.25, 300, NOON - DAY, rvbbit__cascade__id="c1"),
    span(
        13,
        "s2",
        "a",
        "cascade c2",
        10,
        rvbbit__kind="cascade",
        rvbbit__cascade__id="c2",
        rvbbit__session__parent_id="s1",
    ),
    call(14, "s2", "a", 1.0, 200, gen_ai__request__model="n", rvbbit__cascade__id="c2"),
    call(15, "s3", "b", None, 50, gen_ai__request__model="o", gen_ai__provider__name="p"),
    span(16, "s3", "b", "execute_tool search", 70, NOON, "timeout", rvbbit__kind="tool", gen_ai__tool__name="search"),
    span(17, "s3", "b", "execute_tool search", 30, rvbbit__kind="tool", gen_ai__tool__name="search"),
    span(18, "s1", "a", "cell one", 400, rvbbit__kind="cell", rvbbit__cell__name="one", rvbbit__cascade__id="c1"),
    call(19, "s4", "", 2.0, 10),
    call(20, "s4", "c", 4.0, 10),
)
TODAY, YESTERDAY = (NOON // DAY, NOON // DAY - 1)


def day(number: int) -> object:
    from datetime import date, timedelta

    return date(1970, 1, 1) + timedelta(days=number)


def dollars(text: str) -> Decimal:
    return Decimal(text)


ANSWERS: dict[int, list[tuple[object, ...]]] = {
    1: [
        ("c", 1, 1, 1, 100, 10, dollars("4")),
        ("", 1, 1, 1, 100, 10, dollars("2")),
        ("a", 2, 6, 3, 300, 30, dollars("1.75")),
        ("b", 1, 3, 1, 100, 10, dollars("0")),
    ],
    2: [("ann", 2, 4, dollars("5.75")), ("", 1, 1, dollars("2")), ("bob", 1, 1, dollars("0"))],
    3: [("sql", 2, 4, dollars("5.75")), ("", 1, 1, dollars("2")), ("web", 1, 1, dollars("0"))],
    4: [("", 2, 3, dollars("6")), ("c2", 1, 1, dollars("1")), ("c1", 1, 2, dollars("0.75"))],
    5: [
        ("m", 4, dollars("6.75"), dollars("420"), 100, 300),
        ("n", 1, dollars("1"), dollars("200"), 200, 200),
        ("o", 1, dollars("0"), dollars("50"), 50, 50),
    ],
    6: [(day(YESTERDAY), 1, 100, 10, dollars("0.25")), (day(TODAY), 5, 500, 50, dollars("7.5"))],
    7: [("search", 2, 1, dollars("100"), dollars("70"))],
    8: [("c1", "one", 1, dollars("400"), 400)],
    9: [("b", 1, 1, "timeout")],
    10: [("s4", "", 2, 0, dollars("6")), ("s1", "c1", 2, 1, dollars("1.75")), ("s3", "", 1, 0, dollars("0"))],
    11: [(1, 9.09, dollars("2"), 25.81)],
    12: [("p", "o", 1, 100, 10)],
    13: [("m", 400, 40, 10.0), ("n", 100, 0, 0.0), ("o", 100, 0, 0.0)],
    14: [("SELECT ?", day(YESTERDAY), 1, dollars("0.25")), ("SELECT ?", day(TODAY), 2, dollars("5.5"))],
    15: [("s4", ["", "c"], dollars("6"))],
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseDatabase]:
    with running_all_in_one(tmp_path_factory.mktemp("questions") / "data") as store:
        headers = {"Content-Type": "application/x-protobuf"}
        urllib.request.urlopen(urllib.request.Request(f"{store.otlp_http}/v1/traces", traces(*ROWS), headers)).read()
        yield ClickHouseDatabase(store.clickhouse)


def test_the_page_has_a_question_for_each_answer_that_is_known() -> None:
    assert sorted(QUESTIONS) == sorted(ANSWERS) == list(range(1, 16))


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_a_question_of_the_page_gives_the_whole_answer(database: ClickHouseDatabase, number: int) -> None:
    rows = database.query(QUESTIONS[number]).rows
    width = len(ANSWERS[number][0])
    assert [row[:width] for row in rows] == ANSWERS[number]
