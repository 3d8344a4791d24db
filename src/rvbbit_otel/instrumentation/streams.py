"""Reading what a call gives in steps: each runs as the caller it began with, whoever drives it, on whichever thread; its consumer is not touched.

The same for a generator, an async generator, a coroutine, and any iterator or stream object that a plain function returns.
"""

from __future__ import annotations

import io
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from contextvars import Token
from functools import cache
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, Final, Protocol

import wrapt
from opentelemetry.context import Context, get_current

from rvbbit_otel.collecting import afterwards, apart
from rvbbit_otel.driven import Frames
from rvbbit_otel.instrumentation import flows
from rvbbit_otel.instrumentation.handling import Running
from rvbbit_otel.telemetry import failed
from rvbbit_otel.work import WORK_KEY, Work


class Interception(Protocol):
    """What sees the items and the end of a call."""

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
        self._token = flows.enter(context)

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            self._context = get_current()
            flows.leave(token)
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


def is_stream(result: object, told: bool = False) -> bool:
    """Whether the work that a function was called for is done while its result is read, or awaited.

    `told`: the spec says that it yields, so an object that makes iterators, or that gives its stream in a `with`, is one too. A collection never is.
    """
    kind = type(result)
    if issubclass(kind, (GeneratorType, AsyncGeneratorType, CoroutineType)):
        return True
    if issubclass(kind, io.IOBase):
        return False
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        return True
    return told and not hasattr(kind, "__len__") and any(hasattr(kind, name) for name in _WAYS_IN)


# How the items are come by of what is no iterator itself.
_WAYS_IN: Final = ("__iter__", "__aiter__", "__enter__", "__aenter__")


def kept(result: Any, steps: Steps, reading: Reading, told: bool = False) -> Any:
    """The same result, of the same kind, whose steps run in the call's context."""
    if isinstance(result, GeneratorType):
        made: Any = read(result, lambda: (steps, reading))
    elif isinstance(result, AsyncGeneratorType):
        made = read_async(result, lambda: (steps, reading))
    elif isinstance(result, CoroutineType):
        made = await_within(result, steps, reading, told)
    else:
        return _stream_class(result)(result, steps, reading, told)
    made.__name__, made.__qualname__ = result.__name__, result.__qualname__
    return made


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


async def await_within(inner: Coroutine[Any, Any, Any], steps: Steps, reading: Reading, told: bool = False) -> Any:
    """A coroutine that a plain function returned."""
    try:
        with steps:
            result = await inner
    except BaseException as error:
        reading.end(error)
        raise
    try:
        if is_stream(result, told):
            return kept(result, steps, reading, told)
    except Exception as error:  # noqa: BLE001 - the host reads its own
        failed("streams.part", error)
    reading.end(result=result)
    return result


# Before wrapt 2 there is one class of proxies only, and each has an `__iter__`.
_Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)


class Stream(_Proxy):  # type: ignore[misc]
    """An iterator, or a stream object of a client, whose steps run in the call's context. To everybody else it is the object itself.

    What it is made of besides, `_stream_class` chooses: a host that asks what an object can do gets the answer of the object.
    """

    # Until all of it is made it is not over with its object.
    _self_handed_on = True

    def __init__(self, wrapped: Any, steps: Steps, reading: Reading, told: bool) -> None:
        super().__init__(wrapped)
        reading.reads(wrapped)
        for part in list(getattr(wrapped, "__dict__", {}).values()):
            steps.frames.of(part)  # Most stream objects keep a generator, which the collector may close without us.
        self._self_steps = steps
        self._self_reading = reading
        self._self_told = told
        self._self_handed_on = False

    def _self_over(self, error: BaseException | None) -> None:
        try:
            # The collector may come to the object before it comes to the generator that it keeps.
            afterwards(self._self_steps.frames.forget)
            self._self_reading.end(error)
        except Exception as failure:  # noqa: BLE001 - the host has read its stream
            failed("streams.over", failure)

    def _self_part(self, part: Any) -> Any:
        """What it gave to be read in its place: an iterator of it, or what a `with` has for a name. The call is over when that is."""
        given = self if part is self.__wrapped__ else part
        try:
            if given is part and is_stream(part, self._self_told):
                given = kept(part, self._self_steps, self._self_reading, self._self_told)
                self._self_handed_on = True
        except Exception as error:  # noqa: BLE001 - the host reads its own
            failed("streams.part", error)
        return given

    def __enter__(self) -> Any:
        with self._self_steps:
            entered = self.__wrapped__.__enter__()
        return self._self_part(entered)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            with self._self_steps:
                return self.__wrapped__.__exit__(kind, error, traceback)
        finally:
            self._self_over(error)

    async def __aenter__(self) -> Any:
        with self._self_steps:
            entered = await self.__wrapped__.__aenter__()
        return self._self_part(entered)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        try:
            with self._self_steps:
                return await self.__wrapped__.__aexit__(kind, error, traceback)
        finally:
            self._self_over(error)

    async def _self_closed(self, closing: Coroutine[Any, Any, Any]) -> Any:
        try:
            with self._self_steps:
                return await closing
        finally:
            self._self_over(None)

    def __del__(self) -> None:
        # Abandoned: what it had said by then counts. Every part of this may be gone at the end of the process.
        try:
            if not self._self_handed_on:
                apart(self._self_over, None)
        except Exception as error:  # noqa: BLE001 - nobody calls this
            failed("streams.abandoned", error)


class _Iterable(Stream):
    def __iter__(self) -> Any:
        with self._self_steps:
            made = iter(self.__wrapped__)
        return self._self_part(made)


class _Iterator(_Iterable):
    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            with self._self_steps:
                item = next(self.__wrapped__)
        except StopIteration:
            self._self_over(None)
            raise
        except BaseException as error:
            self._self_over(error)
            raise
        self._self_reading.saw(item)
        return item


class _AsyncIterable(Stream):
    def __aiter__(self) -> Any:
        with self._self_steps:
            made = self.__wrapped__.__aiter__()
        return self._self_part(made)


class _AsyncIterator(_AsyncIterable):
    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        try:
            with self._self_steps:
                item = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            self._self_over(None)
            raise
        except BaseException as error:
            self._self_over(error)
            raise
        self._self_reading.saw(item)
        return item


class _Closed(Stream):
    def close(self) -> Any:
        """Close it; of an async stream what is returned is awaited."""
        with self._self_steps:
            closed = self.__wrapped__.close()
        if isinstance(closed, CoroutineType):
            return self._self_closed(closed)
        self._self_over(None)
        return closed


class _AsyncClosed(Stream):
    def aclose(self) -> Any:
        """Close it; what is returned is awaited."""
        with self._self_steps:
            closing = self.__wrapped__.aclose()
        return self._self_closed(closing)


@cache
def _class_of(parts: tuple[type[Stream], ...]) -> type[Stream]:
    return type("Stream", parts or (Stream,), {})


def _stream_class(wrapped: object) -> type[Stream]:
    """The class of proxies that can do what this object can, and no more."""
    kind = type(wrapped)
    parts: list[type[Stream]] = []
    for step, sequence, iterator, iterable in (
        ("__next__", "__iter__", _Iterator, _Iterable),
        ("__anext__", "__aiter__", _AsyncIterator, _AsyncIterable),
    ):
        if hasattr(kind, step):
            parts.append(iterator)
        elif hasattr(kind, sequence):
            parts.append(iterable)
    if hasattr(kind, "close"):
        parts.append(_Closed)
    if hasattr(kind, "aclose"):
        parts.append(_AsyncClosed)
    return _class_of(tuple(parts))
