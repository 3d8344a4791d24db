"""Reading what a call gives in steps: each runs as the caller it began with, whoever drives it, on whichever thread; its consumer is not touched."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextvars import Token
from typing import Any, Protocol

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.driven_generators import Frames
from rvbbit_otel.attribution.garbage_collection import apart
from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.wrapping.running import Running


class Interception(Protocol):
    """Protocol of what is told of the items and of the end of a call."""

    def saw(self, seen: dict[str, Any], item: Any) -> None:
        """An item."""

    def end(
        self,
        running: Running,
        instance: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        result: Any,
        error: BaseException | None,
        seen: Mapping[str, Any] = ...,
    ) -> None:
        """The end."""


class Reading:
    """One call that is read in steps, and ends once."""

    __slots__ = ("_args", "_instance", "_kwargs", "_object", "_ours", "_running", "_seen")

    def __init__(self, ours: Interception, running: Running | None, instance: Any, args: Any, kwargs: Any) -> None:
        self._ours = ours
        self._running = running
        self._instance = instance
        self._args = args
        self._kwargs = kwargs
        self._seen: dict[str, Any] = {}
        self._object: Any = None

    def reads(self, result: Any) -> None:
        """The call returned this object, which may know more once it has been read; the first is the one, others are its parts."""
        if self._object is None:
            self._object = result

    def saw(self, item: Any) -> None:
        """An item was read."""
        if self._running is None:
            return
        try:
            self._ours.saw(self._seen, item)
        except Exception as error:  # noqa: BLE001 - the host has its item
            failed("streams.saw", error)

    def end(self, error: BaseException | None = None, result: Any = None) -> None:
        """It was read to its end, closed, abandoned, or it broke."""
        running, self._running = self._running, None
        whole, self._object = self._object, None
        if running is None:
            return
        result = whole if result is None else result
        try:
            self._ours.end(running, self._instance, self._args, self._kwargs, result, error, self._seen)
        except Exception as failure:  # noqa: BLE001 - the host has its end
            failed("streams.end", failure)


class Steps:
    """The context in which the steps run: attached while one does, and off again while the consumer works. None: whichever the consumer has."""

    __slots__ = ("_context", "_token", "frames")

    def __init__(self, context: Context | None) -> None:
        work = context.get(WORK_KEY) if context is not None else None
        if context is not None and isinstance(work, Work):
            # The call goes on when whatever is around it has ended.
            context = Context({**context, WORK_KEY: work.go_on_here()})
        self._context = context
        self._token: Token[Context] | None = None
        now = context.get(WORK_KEY) if context is not None else None
        self.frames = Frames(now if isinstance(now, Work) else None)

    def __enter__(self) -> None:
        try:
            if self._context is not None:
                self._enter(self._context)
        except Exception as error:  # noqa: BLE001 - the host's step is made, for whoever it finds
            failed("streams.enter", error)

    def _enter(self, context: Context) -> None:
        work = context.get(WORK_KEY)
        if isinstance(work, Work) and not work.here and not work.ended:
            # Driven by another line of execution than the one it began in, which is told by this whose work it does.
            context = Context({**context, WORK_KEY: work.go_on_here()})
        self._token = execution.enter(context)

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            self._context = get_current()
            execution.leave(token)
        except Exception as error:  # noqa: BLE001 - the host's step was made
            failed("streams.leave", error)


class _Nothing:
    """Stands for the steps and the reading of a call of which nothing of ours could begin."""

    frames = Frames(None)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def saw(self, item: Any) -> None:
        """An item was read."""

    def end(self, error: BaseException | None = None, result: Any = None) -> None:
        """It was read to its end."""


Begun = tuple["Steps | _Nothing", "Reading | _Nothing"]
Start = Callable[[], Begun]


def _begun(start: Start) -> Begun:
    try:
        return start()
    except Exception as error:  # noqa: BLE001 - the host's generator begins
        failed("streams.start", error)
        return _Nothing(), _Nothing()


def read(inner: Generator[Any, Any, Any], start: Start) -> Generator[Any, Any, Any]:
    """A generator's steps; `start` is called with the first."""
    steps, reading = _begun(start)
    frames = steps.frames
    advance: Any = inner.send
    given: Any = None
    try:
        while True:
            over, item = False, None
            try:
                with steps:
                    item = advance(given)
            except StopIteration as stop:
                over, item = True, stop.value
            if over:
                reading.end(result=item)
                return item
            frames.of(inner)
            reading.saw(item)
            try:
                given, advance = (yield item), inner.send
            except GeneratorExit:
                apart(_close, inner, steps, reading)
                raise
            except BaseException as error:  # noqa: BLE001 - whatever the consumer throws in, the host's body gets
                given, advance = error, inner.throw
    except GeneratorExit:
        raise
    except BaseException as error:
        reading.end(error)
        raise
    finally:
        frames.forget()


def _close(inner: Generator[Any, Any, Any], steps: Steps | _Nothing, reading: Reading | _Nothing) -> None:
    with steps:
        inner.close()
    reading.end()


async def read_async(inner: AsyncGenerator[Any, Any], start: Start) -> AsyncGenerator[Any, Any]:
    """An async generator's steps; `start` is called with the first."""
    steps, reading = _begun(start)
    frames = steps.frames
    advance: Any = inner.asend
    given: Any = None
    try:
        while True:
            try:
                with steps:
                    item = await advance(given)
            except StopAsyncIteration:
                reading.end()
                return
            frames.of(inner)
            reading.saw(item)
            try:
                given, advance = (yield item), inner.asend
            except GeneratorExit:
                try:
                    with steps:
                        await inner.aclose()
                finally:
                    # Whatever comes of closing it, such as a loop's end that cancels that, is no failure of the call.
                    reading.end()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever the consumer throws in, the host's body gets
                given, advance = error, inner.athrow
    except GeneratorExit:
        raise
    except CancelledError as error:
        # A loop that ends cancels the closing of a stream that was left, before that has begun.
        reading.end(None if error is given else error)
        raise
    except BaseException as error:
        reading.end(error)
        raise
    finally:
        frames.forget()
