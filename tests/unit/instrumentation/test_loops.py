"""A wait inside a loop is told from one that only stands near a jump backwards."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import pytest
from tests.support.own_stack import on_a_stack_of_its_own

from rvbbit_otel.instrumentation.carry.loops import loop_around

Seen = list[tuple[bool, bool]]


def look(seen: Seen, result: Any = None) -> Any:
    """Where a wait would be: whether it is in a `while`, and whether in a loop of any kind."""
    frame: FrameType | None = sys._getframe(1)
    seen.append((loop_around(frame) is not None, loop_around(frame, any_kind=True) is not None))
    return result


async def pause(seen: Seen, result: Any = None) -> Any:
    await asyncio.sleep(0)
    return look_outside(seen, result)


def look_outside(seen: Seen, result: Any) -> Any:
    frame: FrameType | None = sys._getframe(2)
    seen.append((loop_around(frame) is not None, loop_around(frame, any_kind=True) is not None))
    return result


def in_no_loop(seen: Seen) -> None:
    for _ in range(2):
        pass
    while len(seen) > 9:
        pass
    try:
        raise KeyError
    except KeyError:
        pass
    look(seen)
    with_two = [look(seen) for _ in ()]
    assert not with_two


def after_a_try_whose_handler_ends_elsewhere(seen: Seen) -> None:
    try:
        seen.clear()
    except ValueError:
        seen.append((True, True))
    finally:
        seen.extend([])
    look(seen)


def in_a_for(seen: Seen) -> None:
    for _ in range(2):
        try:
            look(seen)
        except KeyError:
            continue


def in_a_while(seen: Seen) -> None:
    while True:
        if look(seen):
            continue
        break


def in_the_test_of_a_while(seen: Seen) -> None:
    while look(seen):
        pass


def in_a_while_that_only_its_handler_repeats(seen: Seen) -> None:
    while True:
        try:
            return look(seen)
        except KeyError:
            look(seen)


def after_a_while(seen: Seen) -> None:
    number = 3
    while number:
        try:
            number -= 1
        except KeyError:
            break
    look(seen)


def in_a_for_inside_a_while(seen: Seen) -> None:
    while not seen:
        for _ in range(1):
            look(seen)


def in_a_function_that_a_while_calls(seen: Seen) -> None:
    def inner() -> None:
        look(seen)

    while not seen:
        inner()


def in_a_function_that_a_for_calls(seen: Seen) -> None:
    def inner() -> None:
        look(seen)

    for _ in range(1):
        inner()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (in_no_loop, (False, False)),
        (after_a_try_whose_handler_ends_elsewhere, (False, False)),
        (in_a_for, (False, True)),
        (in_a_while, (True, True)),
        (in_the_test_of_a_while, (True, True)),
        (in_a_while_that_only_its_handler_repeats, (True, True)),
        (after_a_while, (False, False)),
        (in_a_for_inside_a_while, (True, True)),
        (in_a_function_that_a_while_calls, (True, True)),
        (in_a_function_that_a_for_calls, (False, False)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@on_a_stack_of_its_own
def test_a_wait_is_in_a_loop_or_not(function: Callable[[Seen], None], expected: tuple[bool, bool]) -> None:
    seen: Seen = []
    function(seen)
    assert set(seen) == {expected}


@on_a_stack_of_its_own
def test_a_coroutine_is_in_no_loop_because_it_awaits() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    async def job(seen: Seen) -> None:
        async with asyncio.Lock():
            await asyncio.sleep(0)
            look(seen)
        for _ in range(1):
            await asyncio.sleep(0)
            look(seen)
        async for _ in numbers():
            await asyncio.sleep(0)
            look(seen)
        while len(seen) < 4:
            await asyncio.sleep(0)
            look(seen)
        await asyncio.sleep(0)
        look(seen)

    seen: Seen = []
    asyncio.run(job(seen))
    assert seen == [(False, False), (False, True), (False, True), (True, True), (False, False)]
