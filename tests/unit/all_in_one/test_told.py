"""What a stranger causes is not written again and again."""

from __future__ import annotations

import logging

import pytest

from rvbbit_otel.all_in_one.http import told
from rvbbit_otel.all_in_one.http.told import Told


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.error", level, "", 0, text, (), None)


def test_a_warning_is_written_once_a_minute_by_its_text_and_an_error_always(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(told.time, "monotonic", lambda: now[0])
    passes = Told().filter
    assert [passes(record(logging.WARNING, "Invalid HTTP request received.")) for _ in range(3)] == [True, False, False]
    assert passes(record(logging.WARNING, "another"))
    assert [passes(record(logging.ERROR, "Exception in ASGI application")) for _ in range(2)] == [True, True]
    assert not passes(record(logging.ERROR, "ASGI callable returned without completing response."))
    now[0] += 61
    assert passes(record(logging.WARNING, "Invalid HTTP request received."))
