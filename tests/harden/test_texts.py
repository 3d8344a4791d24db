"""Figures 19 and 20: texts that do something where they are taken for more than text, in every field that somebody else fills in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.html import Read
from tests.support.otlp import SpanRecord, traces
from tests.support.payloads import PAYLOADS

from rvbbit_otel.page import figures
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase

METADATA = [{"origin": text, "sql_query": text, text: text} for text in PAYLOADS]
# What changes how the text around it is shown: controls, and marks of direction.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def spans() -> list[SpanRecord]:
    """One a text: as a name, a cascade, a statement, a key, a stack trace; and what is known of its caller."""
    made = []
    for number, text in enumerate(PAYLOADS):
        attributes: dict[str, object] = {
            "session.id": f"s{number:02}",
            "rvbbit.caller.id": f"sql-{number:02}",
            "rvbbit.caller.source": "echo",
            "rvbbit.cascade.id": text,
            "db.query.text": text,
            text: text,
        }
        made.append(SpanRecord(number, attributes, name=text, error=text, exception=text))  # type: ignore[arg-type]
        told = {"rvbbit.caller.origin": text, "rvbbit.caller.metadata": json.dumps(METADATA[number])}
        caller = {"rvbbit.kind": "caller", "rvbbit.caller.id": f"sql-{number:02}", **told}
        made.append(SpanRecord(1000 + number, caller, name="caller"))
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with (
        running_all_in_one(tmp_path_factory.mktemp("texts") / "data") as running,
        grpc.insecure_channel(running.otlp_grpc) as channel,
    ):
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        every = spans()
        bodies = [
            traces(*every[2 * at : 2 * at + 2], service=text, scope_name=text) for at, text in enumerate(PAYLOADS)
        ]
        assert export(b"".join(bodies)) == b""
        yield running


def command(server: AllInOne, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "audit", *arguments, "--dsn", f"{server.clickhouse}/default"],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return finished.stdout.decode()


@pytest.mark.figure(20)
def test_all_is_stored_byte_for_byte_and_no_rule_is_broken(server: AllInOne) -> None:
    database = ClickHouseDatabase(server.clickhouse)
    stored = database.query(
        "SELECT SpanName, ServiceName, StatusMessage, SpanAttributes['db.query.text'], "
        "SpanAttributes['rvbbit.cascade.id'], arrayElement(mapKeys(SpanAttributes), indexOf(mapValues(SpanAttributes), SpanName)) != '', "
        "ScopeName FROM otel_traces WHERE SpanAttributes['rvbbit.kind'] = '' ORDER BY SpanId"
    ).rows
    expected = [(text, text, text, text, text, 1, text) for text in PAYLOADS]
    assert [tuple(row) for row in stored] == expected
    known = database.query("SELECT caller_id, origin, metadata FROM callers ORDER BY caller_id").rows
    assert [tuple(row) for row in known] == [
        (f"sql-{at:02}", text, json.dumps(METADATA[at])) for at, text in enumerate(PAYLOADS)
    ]
    callers = database.query("SELECT caller_id, session_id, cascade_id FROM unified_logs ORDER BY span_id").rows
    assert [tuple(row) for row in callers] == [(f"sql-{at:02}", f"s{at:02}", text) for at, text in enumerate(PAYLOADS)]
    assert database.query("SELECT count() FROM session_state").rows == [(len(PAYLOADS),)]
    assert [audit.name for audit in load_audits() if audit.is_rule and run_audit(database, audit).rows] == []


@pytest.mark.figure(20)
def test_a_text_that_can_be_no_id_is_none_and_is_told(tmp_path: Path) -> None:
    ids = [SpanRecord(at, {"session.id": text, "rvbbit.caller.id": f"{text} "}) for at, text in enumerate(PAYLOADS)]
    with running_all_in_one(tmp_path / "data") as server, grpc.insecure_channel(server.otlp_grpc) as channel:
        channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(*ids))
        database = ClickHouseDatabase(server.clickhouse)
        assert database.query("SELECT count() FROM otel_traces").rows == [(len(PAYLOADS),)]
        assert database.query("SELECT DISTINCT caller_id, caller_source FROM unified_logs").rows == [("", "none")]
        told = dict(database.query("SELECT reason, sum(count) FROM rejected_spans GROUP BY reason").rows)
        kept = {str(session) for (session,) in database.query("SELECT session_id FROM unified_logs").rows}
    assert (told["caller_id"], told["session_id"]) == (len(PAYLOADS), len(PAYLOADS) - len(kept))
    assert kept < set(PAYLOADS)
    assert [each for each in kept if any(unicodedata.category(letter) == "Cc" for letter in each)] == []


@pytest.mark.figure(19)
@pytest.mark.parametrize("name", [audit.name for audit in load_audits()])
def test_the_command_prints_no_control_character_and_json_is_equal(server: AllInOne, name: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", "audit", name, "--dsn", f"{server.clickhouse}/default"],
        capture_output=True,
        timeout=120,
        check=False,
    ).stdout.decode()
    assert UNSAFE.findall(shown) == []
    assert [letter for letter in set(shown) if unicodedata.category(letter) == "Cc" and letter != "\n"] == []


@pytest.mark.figure(19)
def test_json_of_the_command_has_every_text_as_it_was_sent(server: AllInOne) -> None:
    told = command(server, "cost-by-caller", "--json")
    assert told.isascii()
    assert UNSAFE.findall(told) == []
    (finding,) = json.loads(told)
    rows = finding["rows"]
    assert {row["caller_id"] for row in rows} == {f"sql-{at:02}" for at in range(len(PAYLOADS))}
    assert {row["origin"] for row in rows} == set(PAYLOADS)


def page(server: AllInOne, path: str) -> Read:
    try:
        with urllib.request.urlopen(server.page + path, timeout=60) as response:
            return Read(response.read().decode())
    except urllib.error.HTTPError as error:
        assert error.code in (400, 404)
        return Read(error.read().decode())


@pytest.mark.figure(19)
def test_the_page_shows_every_text_as_text_and_does_nothing_else(server: AllInOne) -> None:
    for path in ("", "rows", "cost?by=cascade", "cost?by=origin", "trust", "health"):
        assert (path, page(server, path).strange) == (path, [])
    for at, payload in enumerate(PAYLOADS):
        shown = []
        for path in (f"caller?id=sql-{at:02}", f"row?trace={at + 1:032x}&span={at + 1:016x}"):
            read = page(server, path)
            assert (path, read.strange) == (path, [])
            shown += read.texts
        assert figures.text(payload).split() in [each.split() for each in shown]


@pytest.mark.figure(19)
def test_a_text_in_an_address_is_text_too(server: AllInOne) -> None:
    places = [
        ("q", ""),
        ("id", "caller"),
        ("id", "session"),
        ("name", "rule"),
        ("q", "sql"),
        ("last", "rows"),
        ("by", "cost"),
    ]
    for at, payload in enumerate(PAYLOADS):
        field, view = places[at % len(places)]
        for given in ({field: payload}, {payload: field}):
            assert (payload, view, page(server, f"{view}?{urllib.parse.urlencode(given)}").strange) == (
                payload,
                view,
                [],
            )
