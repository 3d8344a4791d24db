"""`rvbbit-otel erase` against a running store: its tables, the journal, the quarantine and what is sent again."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import NOW, SpanRecord, logs, row, traces

from rvbbit_otel.all_in_one.ingest.erasing import take_out
from rvbbit_otel.all_in_one.ingest.quarantine import Quarantine
from rvbbit_otel.all_in_one.otlp.requests import prepare
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.erase import Subject, erase

SECRET, OTHER = "sql-secret-fox", "sql-owl"


def send(server: AllInOne, body: bytes, signal: str = "traces") -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    urllib.request.urlopen(urllib.request.Request(f"{server.otlp_http}/v1/{signal}", body, headers)).read()


def cli(server: AllInOne, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rvbbit_otel", *words, "--dsn", server.clickhouse]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_running_store_is_told_what_to_erase_and_keeps_it_out(tmp_path: Path) -> None:
    metadata = {"rvbbit.kind": "caller", "rvbbit.caller.id": SECRET, "rvbbit.caller.metadata": '{"user": "ann"}'}
    spans = traces(
        SpanRecord(1, metadata, f"caller {SECRET}"),
        row(2, "it's \\ one", SECRET),
        row(3, "s2", OTHER, rvbbit__caller__conflict=SECRET),
    )
    records = logs([(f"for {SECRET}", {"rvbbit.caller.id": SECRET})], at=NOW)
    count = (
        "SELECT countIf(caller_id = 'sql-secret-fox'), countIf(caller_conflict = 'erased'), count() FROM unified_logs"
    )
    with running_all_in_one(tmp_path / "data") as server:
        database = ClickHouseDatabase(server.clickhouse)
        send(server, spans)
        send(server, records, "logs")
        looked = json.loads(cli(server, "erase", "--metadata", "user=ann", "--json").stdout)
        assert (looked["erased"], looked["subjects"]) == (False, [{"kind": "caller", "id": SECRET}])
        assert database.query(count).rows == [(1, 0, 2)]
        done = json.loads(cli(server, "erase", SECRET, "--yes", "--json").stdout)
        assert done == {**looked, "erased": True}
        assert Counter(
            {each["in_table"]: each["rows"] for each in done["rows"] if each["done"] == "erased"}
        ) == Counter(unified_logs=1, otel_traces=2, otel_logs=1, session_facts=1, caller_facts=1)
        assert database.query(count).rows == [(0, 1, 1)]
        files = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and "store" not in path.parts]
        assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
        send(server, spans)
        send(server, records, "logs")
        assert database.query(count).rows == [(0, 1, 1)]
        assert database.query("SELECT count() FROM otel_logs").rows == [(0,)]
        assert cli(server, "audit", "erased-data-present").returncode == 0
        # By its id, whatever is in it; the one that is in the way is told.
        assert cli(server, "erase", "--session", "s2", "--yes").returncode == 0
        assert database.query(count).rows == [(0, 0, 0)]
        nobody = cli(server, "erase", "--metadata", "user=eve")
        assert (nobody.returncode, nobody.stdout) == (2, "")
        assert "no caller has user = 'eve' in its metadata" in nobody.stderr
        assert cli(server, "erase").returncode == 2


class NoJournal:
    """Of an ingest what an erasure asks of it: everything is stored, and turns and checkpoints are noted."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine, self.journal, self.seen = quarantine, self, list[str]()

    def turn(self) -> None:
        self.seen.append("turn")

    def checkpoint(self) -> None:
        self.seen.append("checkpoint")

    def all_so_far(self) -> Future[None]:
        self.seen.append("stored")
        done: Future[None] = Future()
        done.set_result(None)
        return done


def test_requests_in_quarantine_lose_what_was_erased_and_nothing_else(store: Store, tmp_path: Path) -> None:
    told: list[list[str]] = []
    folder = tmp_path / "quarantine"
    quarantine = Quarantine(folder, lambda kept: told.append([each.name for each in kept]))
    theirs = row(3, "s3", OTHER)
    beside = row(4, "s4", OTHER, rvbbit__caller__conflict=SECRET, rvbbit__session__parent_id="s-gone")
    bodies = {
        "mixed": prepare("traces", traces(row(1, "s1", SECRET), theirs, row(2, "s-gone", OTHER), beside)),
        "mine": prepare("traces", traces(row(5, "s5", SECRET))),
        "theirs": prepare("traces", traces(theirs)),
        "logs": prepare("logs", logs([("gone", {"rvbbit.caller.id": SECRET}), ("stays", {"session.id": "s3"})])),
    }
    for name, request in bodies.items():
        quarantine.put(name, request, "store", "engine code 1")
    (folder / "broken.request").write_bytes(b"no head")
    quarantine = Quarantine(folder, lambda kept: told.append([each.name for each in kept]))
    ingest, counters = NoJournal(quarantine), Counters()
    erase(store.engine, [Subject("caller", SECRET), Subject("session", "s-gone")])
    take_out(store.engine, ingest, counters)  # type: ignore[arg-type]
    assert ingest.seen == ["turn", "stored", "checkpoint"]
    masked = row(4, "s4", OTHER, rvbbit__caller__conflict="erased", rvbbit__session__parent_id="erased")
    again = Quarantine(folder, lambda kept: None)
    assert {each.name: again.body(each) for each in again.all() if each.reason != "damaged"} == {
        "logs": prepare("logs", logs([("stays", {"session.id": "s3"})])).body,
        "mixed": prepare("traces", traces(theirs, masked)).body,
        "theirs": bodies["theirs"].body,
    }
    assert told[-1] == ["broken", "logs", "mixed", "theirs"]
    assert counters.snapshot()["errors.erase.quarantine"] == 1


@pytest.mark.parametrize("words", [("--session", "s1", "x"), ("--metadata", "nothing")])
def test_a_question_for_two_things_or_half_of_one_is_refused_before_the_store_is_asked(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "rvbbit_otel", "erase", *words, "--dsn", "http://127.0.0.1:1"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "one of these" in answer.stderr or "is not KEY=VALUE" in answer.stderr
