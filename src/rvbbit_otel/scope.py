"""For applications: who triggered the work that a block of their own code does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

from opentelemetry.context import attach, get_current

from rvbbit_otel.caller import Caller
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.propagation import caller_id_of, with_caller, without_attribution

# While the instrumentation is on, it opens the scopes: with a root span, and an end that others who hold the context see too. None: for nobody.
Opener = Callable[["Caller | None"], AbstractContextManager[None]]
_logger: Final = logging.getLogger("rvbbit_otel")
_openers: Final[list[Opener]] = []
_told: Final[list[str]] = []


@contextmanager
def called_by(caller_id: str, metadata: object = None, *, origin: str | None = None) -> Iterator[None]:
    """Everything inside the block was triggered by this caller, in threads and tasks that it starts too.

    `metadata` is a mapping or JSON text: it stays in the process, but for the caller's root span. `origin` defaults to its ``origin``. Blocks
    nest; the innermost counts. A bad id raises nothing: it is logged once, and the block's work has no caller, since nobody's is not the outer one's.
    """
    try:
        caller = Caller.of(caller_id, metadata, origin)
    except InvalidIdError as error:
        caller = None
        if not _told:
            _told.append(str(error))
            _logger.warning(
                "rvbbit-otel: called_by: %s; the block has no caller; later ones like it are only counted", error
            )
    with (_openers[-1] if _openers else _plain)(caller):
        yield


def open_scopes_with(opener: Opener) -> Callable[[], None]:
    """Let `opener` open the scopes from here on; call what is returned to end that."""
    _openers.append(opener)

    def end() -> None:
        if opener in _openers:
            _openers.remove(opener)

    return end


@contextmanager
def _plain(caller: Caller | None) -> Iterator[None]:
    context = get_current()
    if caller is None or caller_id_of(context) != caller.id:
        context = without_attribution(context)
    token = attach(context if caller is None else with_caller(context, caller))
    try:
        yield
    finally:
        # Left in another contextvars context than it was entered in, it was never attached there. `detach` would log an error.
        with suppress(ValueError, RuntimeError):
            token.var.reset(token)
