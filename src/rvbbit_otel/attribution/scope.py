"""For applications: who triggered the work that a block of their own code does."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Final, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current

from rvbbit_otel.attribution.caller import Caller, SessionId, parse_session_id
from rvbbit_otel.attribution.decorating import decorated, title_of
from rvbbit_otel.attribution.driven_generators import Frames
from rvbbit_otel.attribution.lines import is_driven_by_hand
from rvbbit_otel.attribution.propagation import caller_of, effective, with_work, without_attribution
from rvbbit_otel.attribution.work import WORK_KEY, Work, say_whose_run_it_is_in, work_of
from rvbbit_otel.counters import failed
from rvbbit_otel.errors import InvalidIdError

# Closes a block; the error that left it, None if none did.
Close = Callable[["BaseException | None"], None]
# While the instrumentation is on, it makes the blocks: with a root span, and an end that others who hold the context see too. A caller of None: for
# nobody. It returns the work of the block with its context, which is not attached yet, and what closes it.
Opener = Callable[["Opening", Context], "tuple[Work, Context, Close]"]
_Function = TypeVar("_Function", bound=Callable[..., Any])
_logger: Final = logging.getLogger("rvbbit_otel")
_openers: Final[list[Opener]] = []
_told: Final[list[str]] = []
# Modules that drive a generator for the sake of what is between its two halves: there a suspended generator still holds.
_DRIVERS: Final = frozenset({"contextlib", "_pytest.fixtures", "pytest_asyncio.plugin", "anyio.pytest_plugin"})
_ENTERING: Final = frozenset({"__enter__", "__aenter__"})
_SUSPENDS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Opening:
    """The arguments of a block: its caller, None for nobody's; its session id, None for a new one; and the code that
    it is in.
    """

    caller: Caller | None
    session_id: SessionId | None
    name: str


class called_by:  # noqa: N801 - used as a function
    """Everything inside the block was triggered by this caller, and so are the jobs that it hands over: threads, tasks, timers, pools, processes.

    ``with called_by("web-123", {"route": "/ask"}): ...``, or as a decorator of any kind of function: a generator's steps run as its caller,
    whoever drives it. `metadata` is a mapping or JSON text: it stays in the process, but for the caller's root span. `origin` defaults to its
    ``origin``. Blocks nest; the innermost counts. A bad id raises nothing: it is logged once, and the block's work has no caller, since
    nobody's is not the outer one's.

    A block is a session, unless one of the same caller's is around it: the calls in it are its rows, it has failed when an exception leaves it, and
    the function that it is in is its cascade. `session` names it, so that several blocks can be one session.

    A block in a generator or an async generator holds while the generator runs, and lapses while it is suspended, so its consumer is not touched; in
    one that `contextlib` drives as a context manager it holds for the body of that.
    """

    __slots__ = ("_apart", "_caller_id", "_entered", "_metadata", "_name", "_origin", "_session")

    def __init__(
        self, caller_id: str, metadata: object = None, *, origin: str | None = None, session: str | None = None
    ) -> None:
        """Nothing begins before the block is entered."""
        self._caller_id = caller_id
        self._metadata = metadata
        self._origin = origin
        self._session = session
        self._name: str | None = None
        self._apart = False  # No part of what is around it.
        self._entered: list[tuple[Context, Work, Close] | None] = []

    def __enter__(self) -> None:
        """Begin the block."""
        depth = len(self._entered)
        try:
            self._enter(sys._getframe(1))
        except Exception as error:  # noqa: BLE001 - what is in the block runs
            failed("called_by.enter", error)
        try:
            if len(self._entered) == depth:
                # Nobody's, then: whose it is we can't say, and whoever is around it is another.
                self._open(sys._getframe(1), Opening(None, None, ""), _plain)
        except Exception as error:  # noqa: BLE001 - as if there were no block
            failed("called_by.enter", error)
        if len(self._entered) == depth:
            self._entered.append(None)

    def _enter(self, frame: FrameType) -> None:
        opening = Opening(self._caller(), self._session_id(), self._name or _name_of(frame))
        self._open(frame, opening, _openers[-1] if _openers else _plain)

    def _open(self, frame: FrameType, opening: Opening, opener: Opener) -> None:
        before = get_current()
        work, context, close = opener(opening, _apart_from(before) if self._apart else effective(before))
        try:
            generator = generator_around(frame)
            if generator is None:
                attach(context)
            else:
                work.bind(generator)  # And not attached: its consumer would be left with it at each `yield`.
        except BaseException:  # An interrupt, too.
            close(None)  # Nobody else would.
            raise
        self._entered.append((before, work, close))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the block."""
        entered: tuple[Context, Work, Close] | None = None
        open_here = (*self._entered,)
        try:
            entered = self._entered_here()
        except Exception as failure:  # noqa: BLE001 - what was in the block has its result
            failed("called_by.exit", failure)
            # Which of them this one is can't be told: all are over, so that none is credited with what comes after.
            for each in filter(None, open_here):
                each[1].ended = True
            entered = open_here[-1] if open_here else None
            self._entered.clear()
        if entered is None:
            return
        before, work, close = entered
        mine = work.frame is None and get_current().get(WORK_KEY) is work
        try:
            mine = mine or _is_around(work)
        except Exception as failure:  # noqa: BLE001 - as above
            failed("called_by.exit", failure)
        try:
            close(error)
        except Exception as failure:  # noqa: BLE001 - as above
            failed("called_by.exit", failure)
        finally:  # An interrupt, too, leaves the block.
            work.ended = True  # What has ended says nothing any more.
            if mine:
                attach(before)

    def _entered_here(self) -> tuple[Context, Work, Close] | None:
        """The innermost entry of this object by the current line of execution; other tasks and threads may have
        entered it since.
        """
        if len(self._entered) > 1:
            for entered in reversed(self._entered):
                if entered is not None and entered[1].runs_here:
                    self._entered.remove(entered)
                    return entered
        return self._entered.pop() if self._entered else None

    def step_out(self) -> None:
        """Leave the block here before it is over: what was handed over in it goes on, and it ends when it is exited, wherever that is."""
        entered = self._entered[-1] if self._entered else None
        if entered is not None and _is_around(entered[1]):
            attach(entered[0])

    def frames(self) -> Frames | None:
        """Those that the generator in the block runs, None where the block could not begin."""
        made = None
        try:
            entered = self._entered[-1]
            made = Frames(entered[1].go_on_here()) if entered is not None else None
        except Exception as error:  # noqa: BLE001 - the host's generator runs
            failed("called_by.frames", error)
        return made

    def __call__(self, function: _Function) -> _Function:
        """Decorate: every call of the function is such a block, from its begin to its end."""

        def block() -> called_by:
            made = called_by(self._caller_id, self._metadata, origin=self._origin, session=self._session)
            made._name = title_of(function)
            return made

        made = function
        try:
            made = decorated(function, block)
        except Exception as error:  # noqa: BLE001 - the host's function is what it is
            failed("called_by.decorate", error)
        return made

    def _caller(self) -> Caller | None:
        try:
            return Caller.of(self._caller_id, self._metadata, self._origin)
        except InvalidIdError as error:
            _tell_once(error, "the block has no caller")
            return None

    def _session_id(self) -> SessionId | None:
        try:
            return None if self._session is None else parse_session_id(self._session)
        except InvalidIdError as error:
            _tell_once(error, "the block has a session of its own")
            return None


def current_caller() -> Caller | None:
    """Return whose the work is that runs here and now; None if it is nobody's, or nobody can know.

    The one rule that spans are stamped by, but for what a span itself names.
    """
    known = None
    try:
        known = caller_of(None)
    except Exception as error:  # noqa: BLE001 - then we don't know
        failed("current_caller", error)
    return known


def open_scopes_with(opener: Opener) -> Callable[[], None]:
    """Let `opener` make the blocks from here on; call what is returned to end that."""
    _openers.append(opener)

    def end() -> None:
        if opener in _openers:
            _openers.remove(opener)

    return end


def _is_around(work: Work) -> bool:
    """Return whether the current context belongs to this block.

    Somebody else's is left as it is: a consumer's, or what was attached on another thread. What has ended there says nothing any more.
    """
    inner = get_current().get(WORK_KEY)
    return work.frame is None and isinstance(inner, Work) and inner.is_within(work)


def _apart_from(context: Context) -> Context:
    """The same context for what is no part of the work around it: without that, and without its span."""
    work = work_of(context)
    if work is None:
        return effective(context)
    context = without_attribution(context)
    return context if work.caller is None else trace.set_span_in_context(trace.INVALID_SPAN, context)


def _tell_once(error: InvalidIdError, outcome: str) -> None:
    if outcome not in _told:
        _told.append(outcome)
        _logger.warning("rvbbit-otel: called_by: %s; %s; later ones like it are only counted", error, outcome)


def _name_of(frame: FrameType) -> str:
    """The function that a frame runs, with its module; for a script, of its file."""
    while _is_driver(frame) and frame.f_back is not None:
        frame = frame.f_back
    code, module = frame.f_code, frame.f_globals.get("__name__", "")
    if module == "__main__":
        module = Path(code.co_filename).stem
    name = getattr(code, "co_qualname", code.co_name)  # From Python 3.11 on.
    return module if name == "<module>" else f"{module}.{name}"


def _plain(opening: Opening, around: Context) -> tuple[Work, Context, Close]:
    base = work_of(around)
    work = Work(opening.caller, base, session_id=opening.session_id)
    say_whose_run_it_is_in(work)
    if base is not None and base.is_of(opening.caller) and work.session_id is None:
        work.session_id, work.echo, work.in_block = base.session_id, base.echo, base.in_block

    def close(error: BaseException | None) -> None:
        work.end()

    return work, with_work(around, work), close


def generator_around(frame: FrameType | None) -> FrameType | None:
    """The generator that a block is in, or the coroutine that somebody drives by hand; None if it is in a function or in a task."""
    while frame is not None:
        code: CodeType = frame.f_code
        suspends = code.co_flags & _SUSPENDS
        if suspends and not _is_driver(frame.f_back):
            return frame
        if code.co_flags & inspect.CO_COROUTINE and not _is_driver(frame) and code.co_name not in _ENTERING:
            return frame if is_driven_by_hand(frame) else None
        if not suspends and not _is_driver(frame) and code.co_name not in _ENTERING:
            return None
        frame = frame.f_back
    return None


def _is_driver(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__") in _DRIVERS
