"""A backup of a store that is taken back into an empty server is that store: rows, views, and the guards."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Store
from tests.support.engine_process import running_engine
from tests.support.files import ROOT
from tests.support.otlp import NOW

from rvbbit_otel.storage import migrations

PAGE = (ROOT / "docs/how-to/upgrade-and-backup.md").read_text()
SPAN = (
    "INSERT INTO rvbbit.otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes)"
    f" SELECT fromUnixTimestamp64Nano({NOW}), repeat('a', 32), leftPad(toString(number), 16, '0'), map('session.id', 's1') FROM numbers({{}})"
)


def test_every_statement_of_the_page_is_one_that_the_engine_can_parse(store: Store) -> None:
    found = re.findall(r"^    ((?:BACKUP|RESTORE) .*)$", PAGE, re.M) + re.findall(
        r"`((?:BACKUP|RESTORE) [A-Z][^`]*S3\(\.\.\.\))`", PAGE
    )
    assert len(found) == 5
    for statement in found:
        whole = statement.replace("S3(...)", "Disk('backups', 'x')")
        assert store.engine.query("SELECT formatQuery({sql:String})", {"sql": whole}).rows != [("",)]


def test_what_is_restored_is_whole_and_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    configuration = (
        f"<storage_configuration><disks><backups><type>local</type><path>{place}/</path></backups></disks></storage_configuration>"
        f"<backups><allowed_disk>backups</allowed_disk><allowed_path>{place}/</allowed_path></backups>"
    )
    backups = re.findall(r"^    (BACKUP .*)$", PAGE, re.M)
    (restore,) = re.findall(r"^    (RESTORE .*)$", PAGE, re.M)
    with running_engine(tmp_path / "first", configuration) as engine:
        engine.command("CREATE DATABASE rvbbit")
        migrations.apply(engine.at("rvbbit"))
        engine.command(SPAN.format(3))
        engine.command(backups[0])
        engine.command(SPAN.format(5))
        engine.command(backups[1])
    with running_engine(tmp_path / "second", configuration) as engine:
        engine.command(restore)
        assert engine.rows("SELECT count() FROM rvbbit.unified_logs") == [(5,)]
        assert engine.rows("SELECT session_id FROM rvbbit.session_state") == [("s1",)]
        assert migrations.pending(engine.at("rvbbit")) == []
        # Sent again, as a collector's queue would: the five that are there, and two that came since.
        engine.command(SPAN.format(7))
        assert engine.rows("SELECT count(), uniqExact(span_id) FROM rvbbit.unified_logs") == [(7, 7)]
