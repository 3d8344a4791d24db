"""What another process is told: whose the work is that runs here and now, and nothing that a context only still holds."""

from __future__ import annotations

import queue
import threading

from opentelemetry.context import Context, get_current
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by
from rvbbit_otel.attribution.propagation import environment_of


def told(context: Context | None = None) -> str | None:
    """The caller that a child process would be started with."""
    pairs = dict(pair.split("=") for pair in environment_of(context).get("BAGGAGE", "").split(",") if pair)
    return pairs.get("rvbbit.caller.id")


@program("nobody")
def test_a_worker_that_took_another_s_item_tells_nobody(spans: Spans) -> None:
    items: queue.SimpleQueue[str] = queue.SimpleQueue()
    said: list[str | None] = []

    def work() -> None:
        said.append(told())
        marker = items.get()
        said.append(told())
        spans(marker)

    thread = threading.Thread(target=work)
    with called_by("first"):
        thread.start()
    items.put("nobody")
    thread.join()
    assert said == ["first", None]


@program("first")
def test_a_context_of_a_block_that_is_over_tells_what_was_around_it(spans: Spans) -> None:
    with called_by("first"):
        with called_by("second"):
            kept = get_current()
            assert told(kept) == "second"
        assert told(kept) == "first"
        spans("first")
    assert told(kept) is None
