"""Every kind of function whose calls are blocks."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final, TypeVar

from rvbbit_otel.counters import failed

_Function = TypeVar("_Function", bound=Callable[..., Any])
# Makes the block of one call: a `called_by`.
_Block = Callable[[], Any]
_NO_BLOCK: Final = contextlib.nullcontext()
# What a function returns that does its work later, when somebody iterates it.
_LAZY: Final = (map, filter, zip, enumerate)


def title_of(function: Any) -> str:
    """Return the name of the blocks around a function's calls."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def decorated(function: _Function, block: _Block) -> _Function:
    """The function, each call of which is such a block: a generator's steps, a coroutine, and what is made later, when somebody iterates it, too."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(decorated(function.__func__, block))
    as_steps: Callable[..., Any] | None = None
    if inspect.isgeneratorfunction(function):
        as_steps = _in_block
    elif inspect.isasyncgenfunction(function):
        as_steps = _in_block_async

    def call(*args: Any, **kwargs: Any) -> Any:
        if as_steps is not None:
            return as_steps(function(*args, **kwargs), block)
        with _made(block):
            result = function(*args, **kwargs)
        if inspect.iscoroutine(result):
            return _awaited_in_block(result, block)
        if isinstance(result, _LAZY):
            return _in_block((item for item in result), block)
        if isinstance(result, GeneratorType):
            return _in_block(result, block)
        if isinstance(result, AsyncGeneratorType):
            return _in_block_async(result, block)
        return result

    async def call_coroutine(*args: Any, **kwargs: Any) -> Any:
        with _made(block):
            return await function(*args, **kwargs)

    made = call_coroutine if inspect.iscoroutinefunction(function) else call
    return functools.wraps(function)(made)  # type: ignore[return-value]


def _made(block: _Block) -> Any:
    """The block of one call; where it can't be made, the host's function runs as if it were not decorated."""
    try:
        return block()
    except Exception as error:  # noqa: BLE001 - as the text above says
        failed("called_by.call", error)
        return _NO_BLOCK


async def _awaited_in_block(inner: Coroutine[Any, Any, Any], block: _Block) -> Any:
    with _made(block):
        return await inner


def _in_block(inner: Generator[Any, Any, Any], block: _Block) -> Generator[Any, Any, Any]:
    # Not `yield from`: whoever closes a generator closes what it delegates to first, and not from within it.
    advance: Callable[[Any], Any] = inner.send
    given: Any = None
    scope = _made(block)
    with scope:
        frames = None if scope is _NO_BLOCK else scope.frames()
        try:
            while True:
                try:
                    item = advance(given)
                except StopIteration as stop:
                    return stop.value
                if frames is not None:
                    frames.of(inner)
                try:
                    given, advance = (yield item), inner.send
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever the consumer throws in, the generator gets
                    given, advance = error, inner.throw
        finally:
            if frames is not None:
                frames.forget()
            inner.close()


async def _in_block_async(inner: AsyncGenerator[Any, Any], block: _Block) -> AsyncGenerator[Any, Any]:
    advance: Callable[[Any], Any] = inner.asend
    given: Any = None
    scope = _made(block)
    with scope:
        frames = None if scope is _NO_BLOCK else scope.frames()
        try:
            while True:
                try:
                    item = await advance(given)
                except StopAsyncIteration:
                    return
                if frames is not None:
                    frames.of(inner)
                try:
                    given, advance = (yield item), inner.asend
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever the consumer throws in, the generator gets
                    given, advance = error, inner.athrow
        finally:
            if frames is not None:
                frames.forget()
            await inner.aclose()
