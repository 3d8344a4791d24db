"""A loss of power right after an answer: of each file is left what the disk was waited for, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one import syncing
from rvbbit_otel.all_in_one.journal import Journal, JournalWriter, Sync
from rvbbit_otel.all_in_one.journal import journal as module
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.counters import Counters

ANSWERED = 40
BODIES = [traces(row(number, text="x" * number)) for number in range(ANSWERED)]


@pytest.mark.parametrize(("sync", "kept"), [(Sync.EACH, ANSWERED), (Sync.GROUP, ANSWERED), (Sync.NONE, 0)])
def test_what_was_answered_is_there_after_a_loss_of_power_as_the_policy_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: Sync, kept: int
) -> None:
    on_the_disk: dict[str, int] = {}
    named: set[str] = set()

    def sync_file(descriptor: int) -> None:
        on_the_disk[Path(f"/proc/self/fd/{descriptor}").readlink().name] = os.fstat(descriptor).st_size

    monkeypatch.setattr(module, "sync_file", sync_file)
    monkeypatch.setattr(module, "sync_folder", lambda folder: named.update(path.name for path in folder.iterdir()))
    monkeypatch.setattr(syncing, "sync_folder", lambda folder: named.update(path.name for path in folder.iterdir()))
    # Several segments, so that the names of new files count too.
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 3_000)
    journal = Journal(tmp_path / "journal", 10**9, sync, lambda text: None)
    writer = JournalWriter(journal, 10**9, lambda entries: None, Counters())
    told: list[str] = []
    for answered, body in enumerate(BODIES, 1):
        writer.submit(Request("traces", body)).result(10)
        after = tmp_path / f"after{answered}"
        after.mkdir()
        for path in (tmp_path / "journal").iterdir():
            if path.name in named and path.name in on_the_disk:
                (after / path.name).write_bytes(path.read_bytes()[: on_the_disk[path.name]])
        left = Journal(after, 10**9, sync, told.append)
        assert [left.read(entry) for entry in left.found] == (BODIES[:answered] if kept else [])
        left.close()
    assert len(list((tmp_path / "journal").iterdir())) > 2
    assert "journal" in named  # The folder's own name.
    assert told == []
    writer.close()
    journal.close()
