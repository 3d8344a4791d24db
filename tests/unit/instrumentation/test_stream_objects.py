"""What a plain function returns to be read: each kind of stream, and each way in which it can end, says what it used."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, runners

# Tokens in and out that the stream has said by each of its items.
CHUNKS: list[Any] = [{"text": "a", "usage": (120, 1)}, {"text": "b"}, {"text": "", "usage": (120, 30)}]
FIRST, LAST = (120, 1), (120, 30)


def items(fails: bool) -> Iterator[Any]:
    yield CHUNKS[0]
    if fails:
        raise ConnectionError("gone")
    yield from CHUNKS[1:]


async def items_async(fails: bool) -> AsyncIterator[Any]:
    for chunk in items(fails):
        yield chunk


class Steps:
    def __init__(self, fails: bool) -> None:
        self.items = items(fails)

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self.items)


class Closed(Steps):
    closed = False

    def close(self) -> str:
        self.closed = True
        return "closed"

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class OnlyIterable:
    """As a class of which only ``__iter__`` is written, as a generator."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def __iter__(self) -> Any:
        yield from items(self.fails)


class Manager:
    """As a client's ``with client.stream() as stream``."""

    def __init__(self, fails: bool) -> None:
        self.stream = Steps(fails)

    def __enter__(self) -> Any:
        return self.stream

    def __exit__(self, *_: object) -> None:
        pass


class AsyncSteps:
    def __init__(self, fails: bool) -> None:
        self.items = items_async(fails)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await self.items.__anext__()

    async def close(self) -> str:
        return "closed"


class OnlyAsyncIterable:
    def __init__(self, fails: bool) -> None:
        self.fails = fails

    async def __aiter__(self) -> Any:
        async for chunk in items_async(self.fails):
            yield chunk


class AsyncManager:
    def __init__(self, fails: bool) -> None:
        self.stream = AsyncSteps(fails)

    async def __aenter__(self) -> Any:
        return self.stream

    async def __aexit__(self, *_: object) -> None:
        pass


def open_stream(model: str, kind: Callable[[bool], Any], fails: bool = False) -> Any:
    return kind(fails)


async def open_stream_async(model: str, kind: Callable[[bool], Any], fails: bool = False) -> Any:
    return kind(fails)


def either(model: str, answer: Any) -> Any:
    return answer


YIELDED = {"model": "model", "tokens_in": "yielded.usage.0", "tokens_out": "yielded.usage.1"}
MIXED = {
    "model": "model",
    "tokens_in": "result.usage.0|yielded.usage.0",
    "tokens_out": "result.usage.1|yielded.usage.1",
}
SPEC = RunnerSpec(
    "toy",
    "tests",
    (
        Hook(Role.LLM, f"{__name__}:open_stream", YIELDED, accounts=True),
        Hook(Role.LLM, f"{__name__}:open_stream_async", YIELDED, accounts=True),
        Hook(Role.LLM, f"{__name__}:either", MIXED, accounts=True),
    ),
)
SYNC: list[Any] = [items, Steps, Closed, OnlyIterable, lambda fails: itertools.chain(items(fails))]
ASYNC: list[Any] = [items_async, AsyncSteps, OnlyAsyncIterable]


@pytest.fixture
def streamed(instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.setattr(runners, "SHIPPED", (SPEC,))
    return instrumented()


def used(traced: Traced) -> list[tuple[Any, ...]]:
    """Of each LLM call that has ended: its tokens, whether it accounts, the exception."""
    names = (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "rvbbit.usage.counted",
        "error.type",
    )
    return [tuple((span.attributes or {}).get(name) for name in names) for span in traced.spans]


@pytest.mark.parametrize("kind", SYNC)
def test_a_stream_says_in_its_last_item_what_it_used(streamed: Traced, kind: Any) -> None:
    assert list(open_stream("m", kind)) == CHUNKS
    assert used(streamed) == [(*LAST, True, None)]


@pytest.mark.parametrize("kind", SYNC)
def test_a_stream_that_breaks_has_used_what_it_said_before(streamed: Traced, kind: Any) -> None:
    with pytest.raises(ConnectionError):
        list(open_stream("m", kind, fails=True))
    gc.collect()
    assert used(streamed) == [(*FIRST, True, "ConnectionError")]


@pytest.mark.parametrize("kind", SYNC)
def test_a_stream_that_is_left_has_used_what_it_said_by_then(streamed: Traced, kind: Any) -> None:
    for _ in open_stream("m", kind):
        break
    gc.collect()
    assert used(streamed) == [(*FIRST, True, None)]


@pytest.mark.parametrize("kind", SYNC)
def test_a_stream_that_nobody_read_has_ended_with_nothing_said(streamed: Traced, kind: Any) -> None:
    open_stream("m", kind)
    gc.collect()
    # Of a generator nothing has begun.
    assert used(streamed) == ([] if kind is items else [(None, None, None, None)])


def test_a_stream_in_a_cycle_is_over_when_the_collector_finds_it(streamed: Traced) -> None:
    stream = open_stream("m", Steps)
    holder: list[Any] = [stream]
    stream.holder = holder
    next(stream)
    del stream, holder
    gc.collect()
    assert used(streamed) == [(*FIRST, True, None)]


def test_a_stream_that_is_closed_is_over_at_once(streamed: Traced) -> None:
    stream = open_stream("m", Closed)
    next(stream)
    assert stream.close() == "closed"
    assert used(streamed) == [(*FIRST, True, None)]
    assert stream.closed


def test_a_stream_in_a_with_is_over_after_it(streamed: Traced) -> None:
    with open_stream("m", Closed) as stream:
        next(stream)
        assert used(streamed) == []
    assert used(streamed) == [(*FIRST, True, None)]


def test_the_stream_that_a_with_gives_is_read_as_one(streamed: Traced) -> None:
    with open_stream("m", Manager) as stream:
        assert list(stream) == CHUNKS
    with open_stream("m", Manager) as stream:
        next(stream)
    with pytest.raises(ConnectionError), open_stream("m", Manager, fails=True) as stream:
        list(stream)
    assert used(streamed) == [(*LAST, True, None), (*FIRST, True, None), (*FIRST, True, "ConnectionError")]


def test_async_streams_say_what_they_used_in_each_of_these_ways(streamed: Traced) -> None:
    async def read_all() -> list[list[Any]]:
        read = []
        for kind in ASYNC:
            for stream in (open_stream("m", kind), await open_stream_async("m", kind)):
                read.append([item async for item in stream])
        return read

    async def broken() -> None:
        for kind in ASYNC:
            with pytest.raises(ConnectionError):
                [item async for item in open_stream("m", kind, fails=True)]

    async def left() -> None:
        for kind in ASYNC:
            async for _ in open_stream("m", kind):
                break

    async def in_a_with() -> None:
        async with open_stream("m", AsyncManager) as stream:
            assert [item async for item in stream] == CHUNKS
        async with open_stream("m", AsyncManager) as stream:
            await stream.__anext__()

    async def closed() -> None:
        stream = open_stream("m", AsyncSteps)
        await stream.__anext__()
        assert await stream.close() == "closed"

    assert asyncio.run(read_all()) == [CHUNKS] * 6
    asyncio.run(broken())
    asyncio.run(left())
    gc.collect()
    asyncio.run(in_a_with())
    asyncio.run(closed())
    assert used(streamed) == [
        *[(*LAST, True, None)] * 6,
        *[(*FIRST, True, "ConnectionError")] * 3,
        *[(*FIRST, True, None)] * 3,
        (*LAST, True, None),
        (*FIRST, True, None),
        (*FIRST, True, None),
    ]


def test_a_function_that_streams_if_it_is_asked_to_tells_either_way(streamed: Traced) -> None:
    class Answer:
        """A whole answer, which can be iterated as many models of data can."""

        usage = (7, 3)

        def __iter__(self) -> Any:
            return iter({"usage": self.usage}.items())

    class Knows(Steps):
        usage = None

        def __next__(self) -> Any:
            try:
                return super().__next__()["text"]
            except StopIteration:
                self.usage = (8, 4)
                raise

    answer = Answer()
    assert either("m", answer) is answer
    assert list(either("m", items(False))) == CHUNKS
    assert list(either("m", Knows(False))) == ["a", "b", ""]  # It knows itself what it used, when it has been read.
    assert used(streamed) == [(7, 3, True, None), (*LAST, True, None), (8, 4, True, None)]


def test_a_stream_can_do_what_it_could_and_no_more(streamed: Traced) -> None:
    def abilities(thing: Any) -> list[bool]:
        kinds = (Iterator, AsyncIterable, AsyncIterator)
        return [isinstance(thing, kind) for kind in kinds] + [hasattr(thing, name) for name in ("close", "aclose")]

    for kind in (*SYNC, *ASYNC):
        assert abilities(open_stream("m", kind)) == abilities(kind(False))


def test_what_is_no_stream_is_left_alone(streamed: Traced) -> None:
    for whole in ([{"usage": LAST}], {"usage": LAST}, "text", b"bytes", 7, None, ({"usage": LAST},)):
        assert open_stream("m", lambda _, whole=whole: whole) is whole
    assert used(streamed) == [(None, None, None, None)] * 7
