"""What a handler of a hook is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.context import Context

from rvbbit_otel.instrumentation.callers import Callers
from rvbbit_otel.instrumentation.queries import Queries
from rvbbit_otel.instrumentation.sessions import Sessions
from rvbbit_otel.instrumentation.spans import Spans, Values
from rvbbit_otel.instrumentation.unpriced import UnpricedCalls


class Running:
    """What lasts as long as the host's call: the context in which it runs, and what to do when it has returned or raised."""

    __slots__ = ("context", "finish")

    def __init__(self, context: Context | None, finish: Callable[[Values, BaseException | None], None]) -> None:
        self.context = context
        self.finish = finish


# Called before the host's call with the fields known by then. None: nothing is left to do.
Enter = Callable[[Values], "Running | None"]
# Takes the fields of a call and does all there is to do at once.
Note = Callable[[Values], None]


@dataclass(frozen=True)
class Toolbox:
    """What the handlers work with."""

    spans: Spans
    callers: Callers
    sessions: Sessions
    queries: Queries
    unpriced: UnpricedCalls
