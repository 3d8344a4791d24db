"""A call of the host that is intercepted, from its begin to its end."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.instrumentation.emit.spans import Values


class Running:
    """A running call of the host: the context in which it runs, and what to do after it has returned or raised."""

    __slots__ = ("_finish", "begun", "context")

    def __init__(self, context: Context | None, finish: Callable[[Values, BaseException | None], None]) -> None:
        """`begun`: the work of `context` where it began with this call, which ends with it; None where the call is part of what was there."""
        work = context.get(WORK_KEY) if context is not None else None
        self.begun = work if isinstance(work, Work) and work is not get_current().get(WORK_KEY) else None
        self._finish = finish
        self.context = context

    def finish(self, values: Values, error: BaseException | None) -> None:
        """The call has returned, or raised `error`."""
        try:
            self._finish(values, error)
        finally:
            if self.begun is not None:
                self.begun.end()


# Called before the host's call with the fields known by then. None: nothing is left to do.
Enter = Callable[[Values], "Running | None"]
# Takes the fields of a call and does all there is to do at once.
Note = Callable[[Values], None]
