from __future__ import annotations

import io
import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator

import pytest

from rvbbit_otel import CallerLogFilter, called_by
from rvbbit_otel.sdk import log_fields

FORMAT = logging.Formatter("%(caller_id)s %(caller_origin)s %(session_id)s %(message)s")


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    text = io.StringIO()
    logger, handler = logging.getLogger("test_log_fields"), logging.StreamHandler(text)
    handler.addFilter(CallerLogFilter())
    handler.setFormatter(FORMAT)
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, text
    logger.removeHandler(handler)


def test_a_record_names_the_caller_of_its_block_and_a_dash_outside(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, text = written
    with called_by("web-1", origin="http", session="run-1"):
        logger.warning("inside")
        with called_by("web-2"):
            logger.warning("deeper")
    logger.warning("outside")
    assert text.getvalue().splitlines() == [
        "web-1 http run-1 inside",
        "web-2 unknown - deeper",
        "- - - outside",
    ]


def test_a_record_that_waits_in_a_queue_keeps_the_caller_of_who_wrote_it() -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    putting = logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]
    putting.addFilter(CallerLogFilter())
    logger = logging.getLogger("test_log_fields.queue")
    logger.addHandler(putting)
    logger.propagate = False
    with called_by("web-1"):
        logger.warning("first")
    lines: list[str] = []

    def read() -> None:
        with called_by("other"):
            record = waiting.get()
            assert CallerLogFilter().filter(record)
            lines.append(FORMAT.format(record))

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    logger.removeHandler(putting)
    assert lines == ["web-1 unknown - first"]


def test_a_field_that_the_host_has_set_stays(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, text = written
    with called_by("web-1"):
        logger.warning("mine", extra={"caller_id": "host"})
    assert text.getvalue() == "host unknown - mine\n"


def test_what_goes_wrong_leaves_the_record_as_nobodys(
    written: tuple[logging.Logger, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, text = written

    def broken(_: object) -> None:
        raise RuntimeError("no caller today")

    monkeypatch.setattr(log_fields, "caller_of", broken)
    with called_by("web-1"):
        logger.warning("still written")
    assert text.getvalue() == "- - - still written\n"
