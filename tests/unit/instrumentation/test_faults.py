"""Whatever goes wrong in ours, enter and leave included, the host has its own result; and its signals are its own."""

from __future__ import annotations

import asyncio
import queue
import signal
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from opentelemetry.context import get_current

from rvbbit_otel import called_by, current_caller
from rvbbit_otel.attribution import scope
from rvbbit_otel.attribution.driven_generators import Frames
from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.work import Work
from rvbbit_otel.counters import Counters, count_with
from rvbbit_otel.instrumentation import RvbbitInstrumentor, execution
from rvbbit_otel.instrumentation.carry import taking
from rvbbit_otel.instrumentation.spec.expressions import Arguments
from rvbbit_otel.instrumentation.spec.model import Hook, Role
from rvbbit_otel.instrumentation.wrapping import wrappers
from rvbbit_otel.instrumentation.wrapping.running import Running
from rvbbit_otel.instrumentation.wrapping.steps import Reading, Steps
from rvbbit_otel.instrumentation.wrapping.wrappers import Interception, wrapper_for


class OursError(Exception):
    """What goes wrong in ours."""


class HostError(Exception):
    """What the host raises itself."""


def function(number: int) -> int:
    if number < 0:
        raise HostError(number)
    return number + 1


async def coroutine(number: int) -> int:
    await asyncio.sleep(0)
    return function(number)


def generator(number: int) -> Iterator[int]:
    yield number
    yield function(number)


# How the host uses each, and what it gets.
KINDS: dict[str, tuple[Callable[..., Any], Callable[[Callable[..., Any], int], Any]]] = {
    "function": (function, lambda called, number: called(number)),
    "coroutine": (coroutine, lambda called, number: asyncio.run(called(number))),
    "generator": (generator, lambda called, number: list(called(number))),
}


def outcome(action: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "returned", action()
    except HostError as error:
        return "raised", error.args


def intercepted(target: Callable[..., Any], counters: Counters, begin: Callable[[], None] = lambda: None) -> Any:
    """The target as a hook has it, whose call is a piece of work of its own."""

    def enter(values: Any) -> Running:
        begin()
        return Running(with_work(get_current(), Work(None)), lambda values, error: None)

    hook = Hook(Role.CELL, "host:target", {"name": "number"})
    wrapper = wrapper_for(target, Interception(hook, Arguments(target, False, None), enter, counters))
    return lambda *args, **kwargs: wrapper(target, None, args, kwargs)


def broken(*_: Any, **__: Any) -> NoReturn:
    raise OursError


FAULTS = [
    (execution, "enter"),
    (execution, "leave"),
    (execution, "Asked"),
    (execution.Asked, "__enter__"),
    (execution.Asked, "__exit__"),
    (Interception, "begin"),
    (Interception, "end"),
    (wrappers, "is_stream"),
    (wrappers, "_named_as"),
    (wrappers, "Steps"),
    (Steps, "__init__"),
    (Reading, "__init__"),
    (Frames, "_note"),
]


@pytest.mark.parametrize("number", [1, -1], ids=["it returns", "it raises"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("holder", "name"), FAULTS, ids=[name for _, name in FAULTS])
def test_an_error_of_ours_leaves_the_host_its_result(
    monkeypatch: pytest.MonkeyPatch, holder: Any, name: str, kind: str, number: int
) -> None:
    target, use = KINDS[kind]
    counters = Counters()
    ours = intercepted(target, counters)
    expected = outcome(lambda: use(target, number))
    assert outcome(lambda: use(ours, number)) == expected
    monkeypatch.setattr(holder, name, broken)
    assert outcome(lambda: use(ours, number)) == expected


@pytest.mark.parametrize(("holder", "name"), [(execution, "enter"), (execution, "leave")])
def test_an_error_of_ours_is_counted(monkeypatch: pytest.MonkeyPatch, holder: Any, name: str) -> None:
    counters = Counters()
    ours = intercepted(function, counters)
    monkeypatch.setattr(holder, name, broken)
    assert [ours(1), ours(2)] == [2, 3]
    assert counters.snapshot() == {"errors.hook.cell": 2}


@pytest.mark.parametrize("number", [1, -1])
@pytest.mark.parametrize("name", ["enter", "leave"])
def test_what_is_handed_over_runs_whatever_becomes_of_its_context(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """A thread, a task, a pool's job, a timer and a main task, while the instrumentation is on."""

    async def main() -> list[tuple[str, Any]]:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.call_later(0, done.set)
        await done.wait()
        in_thread = await asyncio.gather(loop.run_in_executor(None, function, number), return_exceptions=True)
        in_task = await asyncio.gather(asyncio.create_task(coroutine(number)), return_exceptions=True)
        return [(type(each).__name__, str(each)) for each in (*in_thread, *in_task)]

    def host() -> object:
        seen: queue.SimpleQueue[object] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: seen.put(outcome(lambda: function(number))))
        thread.start()
        thread.join()
        with called_by("web-1"):
            return seen.get(), asyncio.run(main())

    expected = host()
    RvbbitInstrumentor().instrument()
    try:
        assert host() == expected
        monkeypatch.setattr(execution, name, broken)
        assert host() == expected
    finally:
        monkeypatch.undo()
        RvbbitInstrumentor().uninstrument()


@pytest.mark.parametrize("number", [1, -1])
@pytest.mark.parametrize("name", ["enter", "leave"])
def test_a_job_runs_whatever_becomes_of_its_context(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    job, counters = execution.Job(), Counters()
    monkeypatch.setattr(execution, name, broken)
    end = count_with(counters)
    assert outcome(lambda: job.run(function, number)) == outcome(lambda: function(number))
    end()
    assert counters.snapshot() == {"errors.flows.job": 1}


@pytest.mark.parametrize("number", [1, -1])
@pytest.mark.parametrize("name", ["attach", "effective", "_plain", "generator_around", "_name_of", "get_current"])
def test_a_block_runs_whatever_becomes_of_it(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def in_block() -> int:
        with called_by("web-1"):
            return function(number)

    decorated = called_by("web-1")(generator)
    plain = outcome(lambda: list(generator(number)))
    monkeypatch.setattr(scope, name, broken)
    assert outcome(in_block) == outcome(lambda: function(number))
    assert outcome(lambda: list(decorated(number))) == plain


def test_a_block_that_can_t_begin_is_nobody_s_and_not_of_the_block_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with called_by("first"):
        monkeypatch.setattr(called_by, "_caller", broken)
        with called_by("second"):
            inside = current_caller()
        after = current_caller()
    assert (inside, after.id if after is not None else None, current_caller()) == (None, "first", None)


def test_a_block_that_can_t_end_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with called_by("first"):
        monkeypatch.setattr(Work, "end", broken)
    assert current_caller() is None


def test_a_start_that_fails_leaves_nothing_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    monkeypatch.setattr(taking.Taking, "install", broken)
    RvbbitInstrumentor().instrument()
    try:
        assert (RvbbitInstrumentor().current, threading.Thread.start) == (None, start)
    finally:
        RvbbitInstrumentor().uninstrument()


class _Timer:
    """A host's handler that is an object."""

    def __call__(self, number: int, frame: types.FrameType | None) -> None:
        raise HostError("its time is over")

    def method(self, number: int, frame: types.FrameType | None) -> None:
        raise HostError("its time is over")


def timer(number: int, frame: types.FrameType | None) -> None:
    raise HostError("its time is over")


@pytest.fixture(params=[timer, _Timer(), _Timer().method], ids=["function", "object", "method"])
def handled(request: pytest.FixtureRequest) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, request.param)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("handled")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_what_a_handler_of_the_hosts_raises_while_ours_runs_is_the_hosts(
    monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    target, use = KINDS[kind]
    counters, before = Counters(), get_current()

    def strike(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGUSR1)

    ours = intercepted(target, counters, strike if where == "before" else lambda: None)
    if where == "after":
        monkeypatch.setattr(Running, "finish", strike)
    assert outcome(lambda: use(ours, 1)) == ("raised", ("its time is over",))
    assert (counters.snapshot(), get_current()) == ({}, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["before", "after"])
def test_an_interrupt_while_ours_runs_is_one_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    target, use = KINDS[kind]
    counters, before = Counters(), get_current()

    def strike(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    ours = intercepted(target, counters, strike if where == "before" else lambda: None)
    if where == "after":
        monkeypatch.setattr(Running, "finish", strike)
    with pytest.raises(KeyboardInterrupt):
        use(ours, 1)
    assert (counters.snapshot(), get_current()) == ({}, before)
    monkeypatch.undo()
    assert outcome(lambda: use(intercepted(target, counters), 1)) == outcome(lambda: use(target, 1))


def test_an_error_of_ours_with_a_handler_of_the_hosts_in_place_is_still_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGUSR1, timer)
    try:
        monkeypatch.setattr(execution, "enter", broken)
        assert intercepted(function, Counters())(1) == 2
    finally:
        signal.signal(signal.SIGUSR1, before)
