"""Every view of the page over the all-in-one, without a browser: whole numbers against what was sent, as HTML, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.page.story import send, spans
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import SpanRecord

from rvbbit_otel.storage.audits import load_audits

NOW = time.time_ns() // 10**9 * 10**9
STORY = list(spans(NOW))
ROWS = [each for each in STORY if "session.id" in each.attributes]
VIEWS = (
    "",
    "callers",
    "trust",
    "rows",
    "cost",
    "cost?by=day",
    "cost?by=metadata&key=team",
    "sql",
    "sql?saved=cascades",
    "health",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("views") / "data") as running:
        send(running.otlp_http, *STORY)
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("empty") / "data") as running:
        yield running


def get(server: AllInOne, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(server.page + path, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def rows_of(server: AllInOne, view: str, question: str, **fields: object) -> list[dict[str, Any]]:
    status, text = get(server, f"{view}.json?{urllib.parse.urlencode(fields)}")
    assert status == 200, text
    (found,) = [each for each in json.loads(text)["questions"] if each["name"] == question]
    return list(found["rows"])


def of(record: SpanRecord, name: str) -> Any:
    return record.attributes.get(name, "")


def caller(record: SpanRecord) -> str:
    return str(of(record, "rvbbit.caller.id"))


def test_home_has_each_caller_once_with_what_was_sent(server: AllInOne) -> None:
    expected = {}
    for name in {caller(each) for each in ROWS} - {""}:
        mine = [each for each in ROWS if caller(each) == name]
        sources = Counter(of(each, "rvbbit.caller.source") for each in mine)
        expected[name] = {
            "origin": of(mine[0], "rvbbit.caller.origin"),
            "rows": len(mine),
            "sessions": len({of(each, "session.id") for each in mine}),
            "tokens_in": sum(of(each, "gen_ai.usage.input_tokens") or 0 for each in mine),
            "tokens_out": sum(of(each, "gen_ai.usage.output_tokens") or 0 for each in mine),
            "cost_stated": sum(
                (Decimal(str(of(each, "rvbbit.usage.cost"))) for each in mine if of(each, "rvbbit.usage.cost")),
                Decimal(0),
            ),
            "errors": sum(each.error is not None for each in mine),
            "conflicts": sum(bool(of(each, "rvbbit.caller.conflict")) for each in mine),
            **{f"rows_{source}": sources[source] for source in ("explicit", "echo", "baggage", "inherited")},
        }
    seen = {}
    for row in rows_of(server, "callers", "callers"):
        seen[row["caller_id"]] = {name: row[name] for name in next(iter(expected.values()))} | {
            "cost_stated": Decimal(row["cost_stated"])
        }
    assert seen == expected
    assert len(seen) == 40


def test_the_three_parts_of_home_are_all_rows_and_all_dollars(server: AllInOne) -> None:
    parts = {row["part"]: row for row in rows_of(server, "callers", "callers_sums")}
    counted = Counter(
        "nobody" if not caller(each) else "weak" if of(each, "rvbbit.caller.source") == "inherited" else "firm"
        for each in ROWS
    )
    assert {name: row["rows"] for name, row in parts.items()} == dict(counted)
    assert set(parts) == {"firm", "weak", "nobody"}
    (sums,) = rows_of(server, "trust", "trust_sums")
    assert sums["rows"] == sums["rows_firm"] + sums["rows_weak"] + sums["rows_nobody"] == len(ROWS)
    assert Decimal(sums["cost"]) == sum(Decimal(sums[f"cost_{part}"]) for part in ("firm", "weak", "nobody"))
    assert Decimal(sums["cost"]) == Decimal(sums["cost_stated"]) + Decimal(sums["cost_computed"]) + Decimal(
        sums["cost_else"]
    )
    html = get(server, "")[1]
    assert "Unattributed" in html
    assert "weakly attributed" in html
    assert "at least" in html


@pytest.mark.parametrize("order", ["when", "sessions", "rows", "tokens", "cost", "errors"])
def test_home_is_sorted_by_what_the_address_says_both_ways(server: AllInOne, order: str) -> None:
    def key(row: dict[str, Any]) -> Any:
        tokens = row["tokens_in"] + row["tokens_out"]
        return {"when": row["last_row"], "tokens": tokens, "cost": Decimal(row["cost"])}.get(order, row.get(order))

    for direction in ("asc", "desc"):
        seen = [key(row) for row in rows_of(server, "callers", "callers", order=order, dir=direction)]
        assert seen == sorted(seen, reverse=direction == "desc")
        assert len(seen) == 40


def test_home_is_searched_and_filtered(server: AllInOne) -> None:
    def named(**fields: object) -> set[str]:
        return {row["caller_id"] for row in rows_of(server, "callers", "callers", **fields)}

    everyone = {caller(each) for each in ROWS} - {""}
    assert named(q="FOX") == {each for each in everyone if "fox" in each}
    assert named(origin="job") == {each for each in everyone if each.startswith("job-")}
    assert named(source="inherited") == {
        caller(each) for each in ROWS if of(each, "rvbbit.caller.source") == "inherited"
    }
    assert named(model="house-model-7b") == {
        caller(each) for each in ROWS if of(each, "gen_ai.request.model") == "house-model-7b"
    }
    assert named(q="llm_sentiment") == named(q="LLM_Sentiment", origin="sql") != set()
    assert named(q="no such thing") == set()
    assert "No caller matches" in get(server, "?q=no+such+thing")[1]


def test_a_time_range_holds_what_began_in_it(server: AllInOne) -> None:
    begin = (NOW // 10**9) - 6 * 3600
    said = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begin))
    inside = [each for each in ROWS if each.at >= begin * 10**9 and caller(each)]
    seen = {row["caller_id"]: row["rows"] for row in rows_of(server, "callers", "callers", **{"from": said})}
    assert seen == dict(Counter(caller(each) for each in inside))
    before = {row["caller_id"]: row["rows"] for row in rows_of(server, "callers", "callers", to=said, last="")}
    assert sum(before.values()) + sum(seen.values()) == sum(1 for each in ROWS if caller(each))


def test_one_caller_is_told_in_one_sentence_that_its_rows_bear_out(server: AllInOne) -> None:
    by_caller = defaultdict(list)
    for each in ROWS:
        by_caller[caller(each)].append(each)
    name = max((each for each in by_caller if each.startswith("sql-")), key=lambda each: len(by_caller[each]))
    mine = by_caller[name]
    status, html = get(server, f"caller?id={name}")
    sessions = len({of(each, "session.id") for each in mine})
    sentence = re.sub(r"<[^>]+>", "", html.split('<p class="sentence">')[1].split("</p>")[0])
    assert status == 200
    assert " ".join(sentence.split()).startswith(f"{len(mine)} rows in {sessions} sessions, ")
    fall = rows_of(server, "caller", "waterfall", id=name)
    assert sorted(row["span_id"] for row in fall) == sorted(f"{each.number + 1:016x}" for each in mine)
    assert html.count('<tr class="head">') == sessions
    assert {(row["session_id"], row["rows"]) for row in rows_of(server, "caller", "caller_sessions", id=name)} == set(
        Counter(of(each, "session.id") for each in mine).items()
    )
    money = rows_of(server, "caller", "caller_money", id=name)
    assert sum(row["tokens_in"] for row in money) == sum(of(each, "gen_ai.usage.input_tokens") or 0 for each in mine)
    other = next(each for each in by_caller if each not in (name, ""))
    assert f">{other}<" in get(server, f"caller?id={name}&with={other}")[1]


def test_pages_by_key_have_every_row_once(server: AllInOne) -> None:
    seen: list[tuple[str, str]] = []
    path = "rows?last=all"
    while True:
        html = get(server, path)[1]
        seen += [
            (trace, span)
            for trace, span in re.findall(
                r'href="/page/row\?trace=(\w+)&amp;span=(\w+)', html.replace("last=all&amp;", "")
            )
        ]
        older = re.search(r'<a rel="next" href="/page/([^"]+)">Older', html)
        if older is None:
            break
        path = older[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == len(ROWS)
    assert {span for _, span in seen} == {f"{each.number + 1:016x}" for each in ROWS}


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({"kind": "tool"}, lambda each: of(each, "rvbbit.kind") == "tool"),
        ({"status": "error"}, lambda each: each.error is not None),
        ({"status": "ok", "kind": "llm"}, lambda each: each.error is None and of(each, "rvbbit.kind") == "llm"),
        ({"source": "none"}, lambda each: not caller(each)),
        ({"conflict": "yes"}, lambda each: bool(of(each, "rvbbit.caller.conflict"))),
        ({"priced": "stated"}, lambda each: bool(of(each, "rvbbit.usage.cost"))),
        (
            {"priced": "unpriced"},
            lambda each: of(each, "gen_ai.request.model") == "house-model-7b" and not of(each, "rvbbit.usage.cost"),
        ),
        ({"attribute": "gen_ai.tool.name"}, lambda each: "gen_ai.tool.name" in each.attributes),
        ({"attribute": "rvbbit.cell.name", "value": "check"}, lambda each: of(each, "rvbbit.cell.name") == "check"),
        ({"least_ms": "1000"}, lambda each: each.took >= 10**9),
        ({"least_cost": "0.05", "priced": "stated"}, lambda each: (of(each, "rvbbit.usage.cost") or 0) >= 0.05),
        ({"q": "rate limit"}, lambda each: "rate limit" in (each.error or "")),
        ({"model": "gpt-4o-mini"}, lambda each: of(each, "gen_ai.request.model") == "gpt-4o-mini"),
    ],
)
def test_rows_are_found_by_what_they_are(server: AllInOne, fields: dict[str, str], holds: Any) -> None:
    expected = sorted(f"{each.number + 1:016x}" for each in ROWS if holds(each))
    seen, key = [], {}
    while True:
        page = rows_of(server, "rows", "rows", last="all", **fields, **key)
        seen += [row["span_id"] for row in page[:100]]
        if len(page) <= 100:
            break
        key = {
            "before": page[99]["nanoseconds"],
            "before_trace": page[99]["trace_id"],
            "before_span": page[99]["span_id"],
        }
    assert sorted(seen) == expected
    assert expected != []


def test_one_row_has_every_attribute_and_says_why(server: AllInOne) -> None:
    record = next(each for each in ROWS if of(each, "rvbbit.caller.conflict"))
    (row,) = [
        each
        for each in rows_of(server, "rows", "rows", last="all", conflict="yes")
        if each["span_id"] == f"{record.number + 1:016x}"
    ]
    path = f"row?trace={row['trace_id']}&span={row['span_id']}"
    html = get(server, path)[1]
    for name, value in record.attributes.items():
        assert f"<bdi>{name}</bdi>" in html
        assert f"<bdi>{value}</bdi>" in html
    assert "Another answer lost" in html
    assert "http-stale-context-0a1b2c" in html
    assert get(server, "row?trace=0&span=0")[0] == 404


def test_a_broken_rule_is_one_click_from_its_rows(server: AllInOne) -> None:
    html = get(server, "trust")[1]
    rules = [audit.name for audit in load_audits() if audit.is_rule]
    assert [name for name in rules if f"name={name}" not in html] == []
    assert html.count(">BROKEN<") == 2
    assert html.count(">holds<") == len(rules) - 2
    conflicts = {
        (row["session_id"], row["caller_id"]) for row in rows_of(server, "rule", "conflicts", name="conflicts")
    }
    assert conflicts == {(of(each, "session.id"), caller(each)) for each in ROWS if of(each, "rvbbit.caller.conflict")}
    assert "background-embedder" in get(server, "rule?name=rows-without-caller")[1]


@pytest.mark.parametrize("by", ["caller", "origin", "cascade", "model", "service", "day"])
def test_chargeback_adds_up_whatever_it_is_by(server: AllInOne, by: str) -> None:
    lines = rows_of(server, "cost", "cost", by=by, last="all")
    (sums,) = rows_of(server, "trust", "trust_sums", last="all")
    assert sum(Decimal(line["cost"]) for line in lines) == Decimal(sums["cost"])
    assert sum(line["tokens_in"] for line in lines) == sum(of(each, "gen_ai.usage.input_tokens") or 0 for each in ROWS)
    assert len({line["what"] for line in lines}) == len(lines) > 0


def test_the_csv_of_cost_has_every_digit(server: AllInOne) -> None:
    text = get(server, "cost.csv?by=metadata&key=team&last=all")[1]
    lines = list(csv.DictReader(io.StringIO(text)))
    assert sorted(line["what"] for line in lines) == ["growth", "nobody", "search", "support"]
    (sums,) = rows_of(server, "trust", "trust_sums", last="all")
    assert sum(Decimal(line["cost"]) for line in lines) == Decimal(sums["cost"])


def test_the_saved_questions_are_those_of_the_acceptance(server: AllInOne) -> None:
    rows = rows_of(server, "sql", "console", saved="sessions")
    assert len(rows) == 10
    assert all(row["caller_id"].startswith("sql-") for row in rows)
    status, html = get(server, "sql?saved=by-caller")
    assert (status, "INTERVAL 5 MINUTE" in html) == (200, True)


def test_every_view_shows_its_sql_and_each_of_it_runs_in_the_console(server: AllInOne) -> None:
    for view in ("callers", "trust", "rows", "cost", "health"):
        html = get(server, view)[1]
        links = re.findall(r'<a href="/page/(sql\?[^"]+)">Open in the SQL console', html)
        assert len(links) >= 3
        for link in links:
            status, shown = get(server, link.replace("&amp;", "&"))
            assert (status, "The store refused" in shown) == (200, False), link


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_written_for_a_store_without_rows(empty: AllInOne, view: str) -> None:
    status, html = get(empty, view)
    assert status == 200
    if view in ("", "callers", "rows", "cost"):
        assert "rvbbit-otel run -- python my_app.py" in html
    if view == "trust":
        assert "none of the verdicts below says anything yet" in html
        assert ">holds<" not in html


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("?last=yesterday", 400, "one reads like 30m, 24h, 7d or all"),
        ("?from=2026-13-01", 400, "one reads like 2026-01-31T18:00:00, in UTC"),
        ("?order=<script>", 400, "is none of when, caller"),
        ("rows?least_cost=much", 400, "is no number of 0 or more"),
        ("rows?before=-5", 400, "is no moment of a row"),
        ("rule?name=no-such", 400, "there is no audit"),
        ("caller?id=nobody-like-this", 200, "Nothing is stored of this caller"),
        ("session?id=nothing", 404, "There is no such session"),
        ("session", 400, "a session is named by its id"),
        ("nothing-here", 404, "There is no such page"),
        ("callers.csv?table=x", 400, "table=&#39;x&#39; is none of"),
        ("?page=9999999", 200, "No rows yet"),
        ("sql?q=SELECT+nope", 400, "UNKNOWN_IDENTIFIER"),
    ],
)
def test_an_address_that_can_be_no_view_says_what_is_wrong(empty: AllInOne, path: str, status: int, words: str) -> None:
    seen, text = get(empty, path)
    assert seen == status
    assert words in text or words.replace("&#39;", "'") in text
    assert "Traceback" not in text
