"""An audit of a day reads that day, and finds there what one of all time finds of it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from tests.conftest import Store
from tests.support.otlp import SpanRecord, Value, row, traces
from tests.support.story import tell

from rvbbit_otel.storage.audits import Audit, has_rows, load_audits, run_audit

DAY = 86_400 * 10**9
TODAY = int(time.time()) // 86_400 * DAY
# Past days with rows, and the one that is asked about.
DAYS, CHOSEN = 40, 20
SESSIONS, ROWS = 12, 24
WINDOWED = [audit for audit in load_audits() if audit.has_window]
# What is true of the store as a whole, and kept for no longer than days.
WITHOUT_TIME = {"parts-set-aside", "quarantined-requests"}


def moment(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc):%Y-%m-%d %H:%M:%S}"


def of_day(day: int) -> list[SpanRecord]:
    spans = []
    for session in range(SESSIONS):
        for number in range(ROWS):
            at = TODAY - day * DAY + session * 3600 * 10**9 + number * 10**9
            usage: dict[str, Value] = (
                {"gen_ai__usage__input_tokens": 5, "gen_ai__request__model": "m"} if number % 4 == 0 else {}
            )
            event: dict[str, Value] = {
                0: {"rvbbit__session__event": "start"},
                ROWS - 1: {"rvbbit__session__event": "end"},
            }.get(number, {})
            unique = (day * SESSIONS + session) * ROWS + number
            of = row(unique, f"s{day}-{session}", f"c{day}", at=at, rvbbit__cascade__id="c", **usage, **event)
            spans.append(replace(of, trace=(day * SESSIONS + session + 1).to_bytes(16, "big")))
    return spans


@pytest.fixture(scope="module")
def many(engine: object) -> Store:
    """Forty days of sessions, some of which last over midnight."""
    from rvbbit_otel.all_in_one.engine.engine import Engine
    from rvbbit_otel.storage.migrations import apply

    assert isinstance(engine, Engine)
    store = Store(engine)
    apply(engine)
    for first in range(0, DAYS, 10):
        store.send(*(traces(*of_day(day)) for day in range(first, first + 10)))
    return store


def read_rows(store: Store, audit: Audit, since: str, until: str) -> int:
    values = {parameter.name: parameter.default for parameter in audit.parameters} | {"since": since, "until": until}
    with store.engine.reader({}, store.name) as reader:
        return reader.run(audit.sql, "Null", values).read_rows


def test_every_audit_takes_a_time_but_for_those_of_what_is_in_no_table() -> None:
    assert {audit.name for audit in load_audits()} - {audit.name for audit in WINDOWED} == WITHOUT_TIME
    assert {audit.name for audit in WINDOWED if not any(each.name == "until" for each in audit.parameters)} == set()


@pytest.mark.parametrize("audit", WINDOWED, ids=lambda audit: audit.name)
def test_an_audit_of_a_day_among_forty_reads_a_small_part_of_what_all_of_them_take(many: Store, audit: Audit) -> None:
    many.engine.command(f"USE {many.name}")
    whole = read_rows(many, audit, "1970-01-02 00:00:00", "2106-01-01 00:00:00")
    day = read_rows(many, audit, moment(TODAY - CHOSEN * DAY), moment(TODAY - (CHOSEN - 1) * DAY))
    # Sessions are a row or two each; of calls that were told a week is a part, and five of them are all that is kept.
    assert day * (2 if audit.name == "counted-twice" else 5) <= whole or whole < DAYS * SESSIONS * ROWS / 3, (
        day,
        whole,
    )


def test_a_day_with_a_finding_is_found_by_that_day_and_by_no_other(store: Store) -> None:
    tell(store)
    today = [audit for audit in WINDOWED if audit.is_rule]
    ever = {audit.name: run_audit(store.engine, audit).rows for audit in today}
    assert {name for name, rows in ever.items() if not rows} == set()
    around = {"since": moment(TODAY - DAY), "until": moment(TODAY + 2 * DAY)}
    before = {"since": moment(TODAY - 9 * DAY), "until": moment(TODAY - 8 * DAY)}
    assert {audit.name: run_audit(store.engine, audit, around).rows for audit in today} == ever
    assert {audit.name: run_audit(store.engine, audit, before).rows for audit in today} == {name: [] for name in ever}
    assert has_rows(store.engine, **around)
    assert not has_rows(store.engine, **before)
