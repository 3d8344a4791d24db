"""Rows of nobody's say whom they could be credited to by a guess, and by whom that was handed on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.contract.programs import Spans, program

from rvbbit_otel import called_by

CANDIDATE = "rvbbit.caller.candidate"


@program("first", "nobody", "nobody")
def test_a_job_that_waits_and_submits_itself_again_names_whom_it_was_first_submitted_for(spans: Spans) -> None:
    markers = iter(("first", "nobody", "nobody"))
    done = threading.Event()

    def look() -> None:
        marker = next(markers, None)
        if marker is None:
            done.set()
            return
        spans(marker)
        time.sleep(0.001)
        pool.submit(look)

    with ThreadPoolExecutor(1) as pool:
        with called_by("first"):
            pool.submit(look)
        done.wait()
    assert [row.get(CANDIDATE) for row in spans.rows("nobody")] == ["first", "first"]
    assert [row.get(CANDIDATE) for row in spans.rows("first")] == [None]
