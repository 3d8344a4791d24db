"""What is set aside is on the disk, is told at each change, and is never taken for another."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ingest import request

from rvbbit_otel.all_in_one.ingest import quarantine as module
from rvbbit_otel.all_in_one.ingest.quarantine import Kept, Quarantine


class Told:
    def __init__(self) -> None:
        self.names: list[list[str]] = []

    def __call__(self, kept: list[Kept]) -> None:
        self.names.append([each.name for each in kept])


def test_what_is_kept_is_found_by_the_next_process_and_only_what_may_pass_is_due(tmp_path: Path) -> None:
    first = Quarantine(tmp_path, told := Told())
    first.put("a", request(b"one\ntwo", 7), "store", "engine code 33")
    first.put("b", request(b"three", 1, "logs"), "request", "engine code 6")
    assert told.names == [[], ["a"], ["a", "b"]]
    second = Quarantine(tmp_path, told := Told())
    assert told.names == [["a", "b"]]
    a, b = second.all()
    assert (a.signal, a.size, a.cost, a.reason, a.error) == ("traces", 7, 7, "store", "engine code 33")
    assert (second.body(a), second.body(b), b.signal, second.size) == (b"one\ntwo", b"three", "logs", 12)
    assert (second.due(), second.seconds_left()) == ([a], 0.0)
    assert second.remove(["a", "nobody"]) == 1
    assert (second.due(), second.seconds_left()) == ([], None)
    assert second.retry(["b"]) == 1
    assert second.due() == [b]


def test_the_same_request_is_kept_once_and_another_of_its_name_beside_it(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, Told())
    for body in (b"one", b"one", b"two", b"one", b"three"):
        quarantine.put("00000001-00000046", request(body), "request", "")
    assert {each.name: quarantine.body(each) for each in quarantine.all()} == {
        "00000001-00000046": b"one",
        "00000001-00000046-again": b"two",
        "00000001-00000046-again-again": b"three",
    }


def test_what_fails_is_tried_ever_more_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    quarantine = Quarantine(tmp_path, Told())
    quarantine.put("a", request(b"one"), "store", "")
    waits = []
    for _ in range(11):
        waits.append(quarantine.seconds_left())
        now += waits[-1] or 0.0
        (kept,) = quarantine.due()
        quarantine.failed_again(kept)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_what_is_due_comes_by_signal_and_in_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 10)
    quarantine = Quarantine(tmp_path, Told())
    for name, body, signal in (
        ("a", b"12345", "traces"),
        ("b", b"1", "logs"),
        ("c", b"12345", "traces"),
        ("d", b"1", "traces"),
    ):
        quarantine.put(name, request(body, 1, signal), "store", "")
    quarantine.retry("abcd")
    assert [each.name for each in quarantine.due()] == ["a", "c"]
    quarantine.remove(["a", "c"])
    assert [each.name for each in quarantine.due()] == ["b"]


@pytest.mark.parametrize("content", [b"", b"no json\nbody", b'{"name": "a"}\nbody', None])
def test_a_file_that_can_not_be_read_is_told_and_not_touched(tmp_path: Path, content: bytes | None) -> None:
    Quarantine(tmp_path, Told()).put("a", request(b"one"), "store", "")
    path = tmp_path / "a.request"
    path.write_bytes(path.read_bytes().replace(b"\none", b"\nOne") if content is None else content)
    quarantine = Quarantine(tmp_path, Told())
    (kept,) = quarantine.all()
    assert (kept.name, kept.reason, kept.signal, quarantine.due()) == ("a", "damaged", "unknown", [])
    assert quarantine.retry(["a"]) == 1
    with pytest.raises((ValueError, TypeError)):
        quarantine.body(kept)
    assert path.exists()
