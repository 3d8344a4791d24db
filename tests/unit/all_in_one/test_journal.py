"""The journal's files: what is written is found again, whole, wherever a process or a disk ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ingest import request

from rvbbit_otel.all_in_one.journal import DamagedRecordError, Entry, Journal, Sync
from rvbbit_otel.all_in_one.journal import journal as module
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.errors import StoreCorruptError, StoreUnavailableError

MIB = 1024 * 1024


def opened(folder: Path, limit: int = 100 * MIB, sync: Sync = Sync.NONE, told: list[str] | None = None) -> Journal:
    return Journal(folder, limit, sync, (told if told is not None else []).append)


def bodies(journal: Journal, entries: list[Entry]) -> list[tuple[str, bytes, int]]:
    return [(entry.signal, journal.read(entry), entry.cost) for entry in entries]


def whole(requests: list[Request]) -> list[tuple[str, bytes, int]]:
    return [(each.signal, each.body, each.cost) for each in requests]


REQUESTS = [
    request(bytes([65 + number]) * (10 + number), number, ("traces", "logs")[number % 2]) for number in range(6)
]


def written(folder: Path, requests: list[Request] = REQUESTS) -> Path:
    journal = opened(folder)
    entries = journal.append(requests[:2]) + [entry for each in requests[2:] for entry in journal.append([each])]
    assert [entry.number for entry in entries] == list(range(1, len(requests) + 1))
    assert bodies(journal, entries) == whole(requests)
    journal.close()
    (path,) = folder.glob("*.journal")
    return path


def test_what_was_not_settled_is_found_by_the_next_process_in_its_order(tmp_path: Path) -> None:
    written(tmp_path)
    again = opened(tmp_path)
    assert bodies(again, again.found) == whole(REQUESTS)
    assert again.waiting_bytes == sum(len(each.body) for each in REQUESTS)
    more = again.append([request(b"more")])
    again.settle(again.found)
    again.checkpoint()
    again.close()
    third = opened(tmp_path)
    assert bodies(third, third.found) == [("traces", b"more", 1)]
    assert [entry.name for entry in third.found] == [entry.name for entry in more]
    third.settle(third.found)
    third.checkpoint()
    assert list(tmp_path.iterdir()) == []
    third.close()


def test_wherever_the_end_is_cut_off_all_before_it_is_found_and_the_cut_is_told(tmp_path: Path) -> None:
    content = written(tmp_path / "whole").read_bytes()
    ends = [journal_entry.record.end for journal_entry in opened(tmp_path / "whole").found]
    assert ends[-1] == len(content)
    for cut in range(len(content) + 1):
        folder = tmp_path / "cut"
        folder.mkdir(exist_ok=True)
        (folder / "00000001.journal").write_bytes(content[:cut])
        told: list[str] = []
        journal = opened(folder, told=told)
        there = sum(end <= cut for end in ends)
        assert bodies(journal, journal.found) == whole(REQUESTS[:there])
        clean = cut in (*ends, 0) or cut <= len(b"rvbbit-otel journal 1\n")
        assert [("left out" in each) for each in told] == ([] if clean else [True])
        journal.close()


@given(at=st.integers(0, 1000), value=st.integers(1, 255))
def test_a_byte_that_changed_costs_no_other_request_that_is_told_from_it(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    path = written(folder)
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= value
    path.write_bytes(content)
    told: list[str] = []
    try:
        journal = opened(folder, told=told)
    except StoreCorruptError as error:
        assert "newer version" in str(error)
        assert path.read_bytes() == content
        return
    found = bodies(journal, journal.found)
    assert [each for each in whole(REQUESTS) if each in found] == found
    assert len(found) < len(REQUESTS)
    journal.settle(journal.found)
    journal.checkpoint()
    kept = [each.name for each in folder.iterdir()]
    # Whatever was lost is told: as a cut, or as a file that is kept.
    assert told or kept == ["00000001.damaged"]
    journal.close()
    if kept:
        assert opened(folder, told=(again := [])).damaged == kept
        assert "can't be read any more" in again[0]


def test_a_body_that_changed_on_the_disk_is_not_read_and_its_file_is_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    (entry,) = journal.append([request(b"right")])
    (path,) = tmp_path.glob("*.journal")
    path.write_bytes(path.read_bytes().replace(b"right", b"wrong"))
    with pytest.raises(DamagedRecordError):
        journal.read(entry)
    journal.settle([entry])
    journal.checkpoint()
    assert [each.name for each in tmp_path.iterdir()] == ["00000001.damaged"]
    journal.close()


def test_a_file_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "00000001.journal"
    path.write_bytes(b"rvbbit-otel journal 2\nwho knows")
    with pytest.raises(StoreCorruptError, match="newer version"):
        opened(tmp_path)
    assert path.read_bytes() == b"rvbbit-otel journal 2\nwho knows"


def test_only_what_is_settled_leaves_and_a_segment_leaves_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 200)
    journal = opened(tmp_path)
    entries = [entry for number in range(6) for entry in journal.append([request(bytes([65 + number]) * 60)])]
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["00000001.journal", "00000002.journal", "00000003.journal"]
    journal.settle([entries[0], entries[2], entries[3]])
    journal.checkpoint()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["00000001.journal", "00000003.journal"]
    assert journal.read(entries[1]) == b"B" * 60
    journal.settle([entries[1], entries[4], entries[5]])
    journal.checkpoint()
    assert (list(tmp_path.iterdir()), journal.disk_bytes, journal.waiting_bytes) == ([], 0, 0)
    assert [entry.number for entry in journal.append([request(b"next")])] == [7]
    assert [each.name for each in tmp_path.iterdir()] == ["00000004.journal"]
    journal.close()


def test_more_than_there_is_room_for_is_refused_retryably_until_some_of_it_left(tmp_path: Path) -> None:
    journal = opened(tmp_path, limit=1000)
    entries = journal.append([request(b"x" * 600)])
    assert journal.crowded.is_set()
    with pytest.raises(StoreUnavailableError, match="send it again later"):
        journal.append([request(b"y" * 600)])
    journal.settle(entries)
    journal.checkpoint()
    assert len(journal.append([request(b"y" * 600)])) == 1
    journal.close()


def test_a_disk_on_which_what_waits_has_no_room_a_second_time_refuses_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        f_bavail, f_frsize = 1000, 1

    journal = opened(tmp_path)
    monkeypatch.setattr(module.os, "statvfs", lambda path: Disk)
    assert len(journal.append([request(b"x" * 400)])) == 1
    with pytest.raises(StoreUnavailableError, match="nearly full"):
        journal.append([request(b"x" * 200)])
    journal.close()


@pytest.mark.parametrize("after", [0, 1, 30, 60])
def test_a_write_that_fails_half_way_leaves_nothing_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    journal = opened(tmp_path)
    journal.append([request(b"before")])
    real = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        real(descriptor, bytes(data)[:after], at)
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="no space"):
        journal.append([request(b"lost" * 20)])
    monkeypatch.setattr(os, "pwrite", real)
    journal.append([request(b"after")])
    journal.close()
    again = opened(tmp_path)
    assert bodies(again, again.found) == [("traces", b"before", 1), ("traces", b"after", 1)]
    again.close()


def test_a_sync_that_fails_is_no_answer_and_what_comes_next_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path, sync=Sync.EACH)
    journal.append([request(b"before")])

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(module, "sync_file", broken)
    with pytest.raises(OSError, match="broken"):
        journal.append([request(b"unknown")])
    monkeypatch.undo()
    assert journal.waiting_bytes == len(b"before")
    journal.append([request(b"after")])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["00000001.journal", "00000002.journal"]
    journal.close()


@pytest.mark.parametrize(("sync", "files", "systems"), [(Sync.EACH, 3, 1), (Sync.GROUP, 3, 1), (Sync.NONE, 0, 0)])
def test_the_disk_is_waited_for_as_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: Sync, files: int, systems: int
) -> None:
    seen: list[str] = []

    def note(name: str) -> Callable[[object], None]:
        return lambda _: seen.append(name)

    monkeypatch.setattr(module, "sync_file", note("file"))
    monkeypatch.setattr(module, "sync_file_system", note("system"))
    journal = opened(tmp_path, sync=sync)
    entries = [entry for _ in range(3) for entry in journal.append([request(b"a"), request(b"b")])]
    assert (seen.count("file"), seen.count("system")) == (files, 0)
    journal.settle(entries)
    journal.checkpoint()
    # The rows are on the disk before what they were made of leaves it.
    assert (seen.count("file"), seen.count("system")) == (files, systems)
    journal.checkpoint()
    assert seen.count("system") == systems
    journal.close()
