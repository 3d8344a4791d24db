"""Which function's loop a wait is in, and whether the first test of a `while` is found whatever stands in it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType

import pytest
from tests.support.own_stack import on_a_stack_of_its_own

from rvbbit_otel.instrumentation.carry.loops import loop_around


def named(any_kind: bool = False) -> str | None:
    """The function in whose loop whoever calls this is."""
    frame: FrameType | None = loop_around(sys._getframe(1), any_kind)
    return None if frame is None else frame.f_code.co_name


def once(seen: list[str | None], any_kind: bool = False) -> None:
    frame = loop_around(sys._getframe(1), any_kind)
    seen.append(None if frame is None else frame.f_code.co_name)


def outer(inner: Callable[[], str | None]) -> str | None:
    found = []
    while len(found) < 2:
        found.append(inner())
    return found[-1]


def with_a_for(inner: Callable[[], str | None]) -> str | None:
    found = None
    for _ in range(2):
        found = inner()
    return found


def waits_in_a_while() -> str | None:
    found = None
    while found is None:
        found = named() or "none"
    return found


def waits_in_a_for() -> str | None:
    found = None
    for _ in range(2):
        found = named(any_kind=True)
    return found


def waits_in_none() -> str | None:
    return named()


@on_a_stack_of_its_own
def test_the_outermost_loop_counts() -> None:
    assert waits_in_a_while() == "waits_in_a_while"
    assert outer(waits_in_a_while) == "outer"
    assert outer(waits_in_none) == "outer"
    assert outer(lambda: with_a_for(waits_in_none)) == "outer"
    assert with_a_for(lambda: outer(waits_in_none)) == "outer"
    assert waits_in_none() is None


@on_a_stack_of_its_own
def test_a_for_counts_in_the_very_frame_only() -> None:
    assert waits_in_a_for() == "waits_in_a_for"
    assert with_a_for(waits_in_none) is None
    assert with_a_for(lambda: named(any_kind=True)) is None
    assert outer(waits_in_a_for) == "outer"


@on_a_stack_of_its_own
def test_what_is_around_the_begin_of_a_thread_is_not_the_thread_s() -> None:
    seen: list[str | None] = []

    class Own(threading.Thread):
        def run(self) -> None:
            super().run()

    while not seen:
        thread = Own(target=lambda: seen.append(waits_in_none()))
        thread.run()  # On this very thread, inside of this loop.
    assert seen == [None]


MORE = (
    "",
    " and a",
    " and a and b",
    " and (a, b)",
    " and not a",
    " and a < b",
    " and (a or b)",
    " and a + b * c",
    " and [a, b][0]",
    " and (\n        a)",
)


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("before", ["", "    for _ in range(2):\n        a = a\n", "    while c:\n        c = 0\n"])
@pytest.mark.parametrize("after", ["", "    for _ in range(2):\n        a = a\n", "    while c:\n        c = 0\n"])
@on_a_stack_of_its_own
def test_a_wait_in_the_first_test_of_a_while_is_in_the_loop(more: str, before: str, after: str) -> None:
    source = f"def f(once, seen, a, b, c):\n{before}    while once(seen){more}:\n        pass\n{after}    once(seen)\n"
    made: dict[str, Callable[..., None]] = {}
    exec(compile(source, "made", "exec"), made)
    seen: list[str | None] = []
    made["f"](once, seen, 1, 2, 3)
    assert seen == ["f", None]


BODIES = {
    "a handler that goes on": "        try:\n            once(seen)\n            a = 0\n        except KeyError:\n            continue\n",
    "a wait in a handler": "        try:\n            raise KeyError\n        except KeyError:\n            a = once(seen)\n",
    "a wait in a finally": "        try:\n            a = 0\n        finally:\n            once(seen)\n",
    "a wait in a branch": "        if b:\n            a = once(seen)\n        else:\n            c = 1\n",
    "a wait in the other branch": "        if not b:\n            c = 1\n        else:\n            a = once(seen)\n",
    "a wait in a with": "        with lock:\n            a = once(seen)\n",
    "a wait before a for": "        once(seen)\n        for _ in range(2):\n            a = 0\n",
    "a wait after a for": "        for _ in range(2):\n            a = 0\n        once(seen)\n",
    "a wait behind many constants": "        b = (1, b, 2, b, 3)\n        c = [b, c, b]\n        a = once(seen)\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@on_a_stack_of_its_own
def test_a_wait_in_the_body_of_a_while_is_in_the_loop_and_one_around_it_is_not(body: str) -> None:
    source = (
        f"def f(once, seen, lock, a, b, c):\n    once(seen)\n    while a:\n{body}    once(seen)\n    return a, b, c\n"
    )
    made: dict[str, Callable[..., None]] = {}
    exec(compile(source, "made", "exec"), made)
    seen: list[str | None] = []
    made["f"](once, seen, threading.Lock(), 1, 2, 3)
    assert seen == [None, "f", None]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@on_a_stack_of_its_own
def test_a_wait_in_the_body_of_a_for_counts_only_where_any_loop_does(body: str) -> None:
    call = "def f(once, seen, lock, a, b, c):\n    once(seen, True)\n    for _ in range(1):\n"
    source = f"{call}{body.replace('once(seen)', 'once(seen, True) or once(seen)')}    once(seen, True)\n    return a, b, c\n"
    made: dict[str, Callable[..., None]] = {}
    exec(compile(source, "made", "exec"), made)
    seen: list[str | None] = []
    made["f"](once, seen, threading.Lock(), 1, 2, 3)
    assert seen == [None, "f", None, None]


@on_a_stack_of_its_own
def test_a_wait_before_a_loop_far_down_in_a_long_function_is_in_none() -> None:
    many = "    a = a + 1\n" * 300
    source = f"def f(once, seen, a):\n    once(seen)\n{many}    while a:\n        a = once(seen)\n"
    made: dict[str, Callable[..., None]] = {}
    exec(compile(source, "made", "exec"), made)
    seen: list[str | None] = []
    made["f"](once, seen, 1)
    assert seen == [None, "f"]


@on_a_stack_of_its_own
def test_a_wait_before_a_loop_that_does_nothing_for_ever_is_in_none() -> None:
    def stuck(a: int) -> None:
        once(seen)
        if a:
            while True:
                pass
        once(seen)

    seen: list[str | None] = []
    stuck(0)
    assert seen == [None, None]
