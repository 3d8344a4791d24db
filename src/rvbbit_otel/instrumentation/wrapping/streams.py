"""Follow the result of a plain function that is read later: a generator, a coroutine, an iterator or a client's
stream object.

It stays what it was for whoever has it; its steps run as the caller that the call began with (`steps.py`).
"""

from __future__ import annotations

import io
from collections.abc import Coroutine
from functools import cache
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, Final

import wrapt

from rvbbit_otel.attribution.garbage_collection import afterwards, apart
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.wrapping.steps import Reading, Steps, read, read_async


def is_stream(result: object, told: bool = False) -> bool:
    """Return whether a function's work is done while its result is read or awaited.

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
            self._self_steps.frames.end()

    def _self_part(self, part: Any) -> Any:
        """Wrap a part that is read in the stream's place: an iterator of it, or the target of its `with`. The call
        ends when that part ends.
        """
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
