"""What is a take, whose an item is, and that the host goes on whatever fails in what is ours."""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from rvbbit_otel import called_by
from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.carry import futures as futures_module
from rvbbit_otel.instrumentation.carry import owners as owners_module
from rvbbit_otel.instrumentation.carry import taking, waiting
from rvbbit_otel.instrumentation.carry.futures import Futures
from rvbbit_otel.instrumentation.carry.owners import Owners
from rvbbit_otel.instrumentation.carry.taking import Taking, is_take
from rvbbit_otel.instrumentation.carry.waiting import Waiting
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.wrapping.patches import Patches


class CallsItself:
    @property
    def func(self) -> CallsItself:
        return self


ITEMS: queue.Queue[object] = queue.Queue()


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (ITEMS.get, True),
        (ITEMS.get_nowait, True),
        (partial(ITEMS.get, timeout=1), True),
        (partial(copy_context().run, ITEMS.get), True),
        (ITEMS.put, False),
        (partial(ITEMS.put, 1), False),
        (partial(print, "what it prints", ITEMS.get), False),
        (partial(len), False),
        ({}.get, False),
        (len, False),
        (CallsItself(), False),
    ],
)
def test_a_function_for_a_pool_is_a_take_or_not(function: Any, takes: bool) -> None:
    assert is_take(function) is takes


def test_the_owners_of_so_many_items_are_remembered_and_of_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners_module, "_MAX_ITEMS", 300)
    owners, things = Owners(), [object() for _ in range(301)]
    with called_by("web-1"):
        for thing in things:
            owners.put(ITEMS, thing)
    assert [owners.taken(ITEMS, thing) for thing in things] == [("web-1", None)] * 300 + [None]


def test_an_item_that_a_full_queue_refused_leaves_no_owner_behind() -> None:
    patches = Patches(Counters())
    taken = Taking(Wrapping(patches, Counters()))
    taken.install()
    try:
        full: queue.Queue[object] = queue.Queue(1)
        awaited: asyncio.Queue[object] = asyncio.Queue(1)
        full.put("theirs")
        awaited.put_nowait("theirs")
        item = object()
        with called_by("web-1"):
            with pytest.raises(queue.Full):
                full.put(item, block=False)
            with pytest.raises(asyncio.QueueFull):
                awaited.put_nowait(item)
        assert [full.get(), awaited.get_nowait()] == ["theirs"] * 2
        # The very same object, or one that got its identity, is whose it is that puts it.
        with called_by("web-2"):
            full.put(item, block=False)
            awaited.put_nowait(item)
        assert [taken._owners.taken(where, item) for where in (full, awaited)] == [("web-2", None)] * 2
    finally:
        taken._wrapping.on = False
        patches.undo()


def test_the_host_gets_what_it_asks_for_and_waits_as_it_would_where_we_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    async def receive() -> str:
        return "item"

    counters = Counters()
    wrapping = Wrapping(Patches(counters), counters)
    wraps, waits, futures = Taking(wrapping), Waiting(wrapping), Futures(wrapping)
    for module, name in (
        (taking, "took"),
        (waiting, "took"),
        (waiting, "inherited_here"),
        (waiting, "get_current"),
        (futures_module, "inherited_here"),
    ):
        monkeypatch.setattr(module, name, broken)
    host: tuple[Any, ...] = (lambda: "item", ITEMS, (), {})
    stream, bell = SimpleNamespace(_state=ITEMS), type("Semaphore", (), {})()
    future: Future[str] = Future()
    futures_module._note(future)
    assert wraps._get(*host) == "item"
    assert waits._condition(*host) == "item"
    assert waits._wait("sleep", False, set())(*host) == "item"
    assert waits._semaphore(lambda: "item", bell, (), {}) == "item"
    assert futures._looks(lambda: "item", future, (), {}) == "item"
    assert asyncio.run(wraps._receive(receive, stream, (), {})) == "item"
    names = ("get", "Condition.wait", "sleep", "Semaphore", "Future.result", "receive")
    assert counters.snapshot() == {f"errors.carry.{name}": 1 for name in names}


class Made:
    def __init__(self, name: str, /, instance: str = "", *, plain: str = "") -> None:
        self.said = (name, instance, plain)


class MadeByItsBase(Made):
    pass


def test_what_is_made_is_told_of_and_made_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    own, told, counters = Made.__init__, [], Counters()
    patches = Patches(counters)
    wrapping = Wrapping(patches, counters)
    wrapping.when_made(__name__, "Made", told.append)
    wrapping.when_made(__name__, "MadeByItsBase", lambda made: 1 / 0)
    wrapping.when_made(__name__, "NothingLikeIt", told.append)
    made, other = Made("a", instance="b", plain="c"), MadeByItsBase("d")
    assert (made.said, other.said) == (("a", "b", "c"), ("d", "", ""))
    assert told == [made, other]
    assert counters.snapshot() == {"errors.carry.MadeByItsBase": 1, "errors.carry.NothingLikeIt.__init__": 1}
    with pytest.raises(TypeError, match="positional-only arguments passed as keyword arguments: 'name'"):
        Made(name="a")  # type: ignore[call-arg]
    wrapping.on = False
    Made("e")
    assert told == [made, other]
    patches.undo()
    assert Made.__init__ is own
    assert "__init__" not in vars(MadeByItsBase)
