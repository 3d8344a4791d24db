"""A call whose result is entered, `with` or `async with`: it lasts until that is left, and what the block does is a part of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextvars import Token
from types import FrameType, TracebackType
from typing import Any, Protocol

import wrapt
from opentelemetry.context import Context

from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.scope import generator_around
from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.wrapping.running import Running
from rvbbit_otel.instrumentation.wrapping.steps import Interception


class Beginning(Interception, Protocol):
    """Protocol of an interception that can also begin a call."""

    def begin(self, instance: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Running | None:
        """The begin."""


class Entered(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A context manager whose block is a call. To everybody else it is the manager itself."""

    def __init__(self, wrapped: Any, ours: Beginning, instance: Any, args: Any, kwargs: Any) -> None:
        super().__init__(wrapped)
        self._self_call = _Call(ours, execution.Asked(), instance, args, kwargs)

    def __enter__(self) -> Any:
        call = self._self_call
        call.begin(sys._getframe(1))
        try:
            with call:
                entered = self.__wrapped__.__enter__()
        except BaseException as error:
            call.end(error)
            raise
        call.result = entered
        return self if entered is self.__wrapped__ else entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        call = self._self_call
        try:
            with call:
                quiet = self.__wrapped__.__exit__(kind, error, traceback)
        except BaseException as failure:
            call.end(failure)
            raise
        call.end(None if quiet else error)
        return quiet

    # Plain functions, so that the frame of the block is the one that calls them; what they return is awaited there.
    def __aenter__(self) -> Any:
        return self._self_aenter(sys._getframe(1))

    async def _self_aenter(self, frame: FrameType) -> Any:
        call = self._self_call
        call.begin(frame)
        del frame  # It would keep what is in it.
        try:
            with call:
                entered = await self.__wrapped__.__aenter__()
        except BaseException as error:
            call.end(error)
            raise
        call.result = entered
        return self if entered is self.__wrapped__ else entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        call = self._self_call
        try:
            with call:
                quiet = await self.__wrapped__.__aexit__(kind, error, traceback)
        except BaseException as failure:
            call.end(failure)
            raise
        call.end(None if quiet else error)
        return quiet


class _Call:
    """The call of one block, from its entering to its leaving. In a `with` of its own: a step of the manager, in the call's context."""

    def __init__(self, ours: Beginning, asked: execution.Asked, instance: Any, args: Any, kwargs: Any) -> None:
        self.result: Any = None
        self._ours = ours
        self._asked = asked
        self._instance = instance
        self._args = args
        self._kwargs = kwargs
        self._running: Running | None = None
        # The work around a block in a generator, as far as it is this block's: it holds no longer than that runs.
        self._part: Work | None = None
        self._context: Context | None = None
        self._of_block: Token[Context] | None = None
        self._of_step: Token[Context] | None = None

    def begin(self, frame: FrameType) -> None:
        """The block of this frame is entered."""
        try:
            with self._asked:
                self._running = self._ours.begin(self._instance, self._args, self._kwargs)
            self._attach(frame)
        except Exception as error:  # noqa: BLE001 - the host's block is entered
            failed("entered.begin", error)

    def _attach(self, frame: FrameType) -> None:
        """Let the block work as the call. In a generator only while that runs: its consumer would be left with it at each `yield`."""
        running = self._running
        if running is None or running.context is None:
            return
        context, work = running.context, running.context.get(WORK_KEY)
        generator = generator_around(frame)
        if generator is None:
            self._of_block = execution.enter(context)
        elif isinstance(work, Work):
            if running.begun is None:
                work = self._part = work.go_on_here()
                context = with_work(context, work)
            work.bind(generator)
            self._context = context

    def __enter__(self) -> None:
        try:
            if self._context is not None:
                self._of_step = execution.enter(self._context)
        except Exception as error:  # noqa: BLE001 - the host's step is made, for whoever it finds
            failed("entered.enter", error)

    def __exit__(self, *_: object) -> None:
        token, self._of_step = self._of_step, None
        try:
            if token is not None:
                execution.leave(token)
        except Exception as error:  # noqa: BLE001 - and was made
            failed("entered.leave", error)

    def end(self, error: BaseException | None) -> None:
        """The block is left."""
        try:
            token, self._of_block = self._of_block, None
            running, self._running = self._running, None
            part, self._part = self._part, None
            try:
                if token is not None:
                    execution.leave(token)
                if part is not None:
                    part.end()
            except Exception as failure:  # noqa: BLE001 - the call has ended all the same
                failed("entered.leave", failure)
            if running is not None:
                self._ours.end(running, self._instance, self._args, self._kwargs, self.result, error)
        except Exception as failure:  # noqa: BLE001 - the host has left its block
            failed("entered.end", failure)
