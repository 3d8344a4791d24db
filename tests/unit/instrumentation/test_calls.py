from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import get_current
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec, RvbbitInstrumentor, runners
from rvbbit_otel.instrumentation.wrapping.running import Running
from rvbbit_otel.instrumentation.wrapping.wrappers import Interception

NATURES: list[Callable[[Any], bool]] = [
    inspect.isfunction,
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
]
FUNCTIONS = ["log", "complete", "complete_async", "stream", "stream_async", "set_caller"]


def told() -> list[tuple[Any, ...]]:
    functions = [getattr(toy, name) for name in FUNCTIONS]
    return [
        (f.__name__, f.__qualname__, f.__module__, f.__doc__, str(inspect.signature(f)), *(is_a(f) for is_a in NATURES))
        for f in functions
    ]


def test_a_wrapped_callable_says_of_itself_what_it_said_before(instrumented: Callable[..., Traced]) -> None:
    before = told()
    instrumented()
    assert told() == before


def test_wrapped_functions_are_pickled_by_name_and_copied_as_before(traced: Traced) -> None:
    cascade = toy.Cascade("s-1")
    assert copy.copy(cascade).__dict__ == cascade.__dict__
    assert pickle.loads(pickle.dumps(cascade)).__dict__ == cascade.__dict__


def test_a_result_is_the_same_object(traced: Traced) -> None:
    result = object()
    cascade = toy.Cascade("s-1")
    assert cascade.run(lambda: result) is result
    assert cascade.cell("c", lambda: result) is result
    assert toy.Cascade.tool("t", lambda: result) is result
    assert toy.Cascade.make_tool("t", lambda: result) == (toy.Cascade, result)
    assert toy.Cascade.run(cascade, lambda: result) is result


def test_an_exception_is_the_same_object_with_its_traceback_and_context(traced: Traced) -> None:
    error = toy.ToyError("x")
    cause = KeyError("why")

    def fail() -> None:
        raise error from cause

    before = get_current()
    with pytest.raises(toy.ToyError) as caught:
        toy.Cascade("s-1").run(lambda: toy.Cascade("s-1").cell("c", lambda: toy.complete("m", fail)))
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is None
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "fail"
    assert get_current() is before


def test_exceptions_that_are_no_errors_pass_too(traced: Traced) -> None:
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
        raised = kind()

        def fail(raised: BaseException = raised) -> None:
            raise raised

        with pytest.raises(kind) as caught:
            toy.complete("m", fail)
        assert caught.value is raised


def test_wrong_arguments_raise_at_the_call_for_every_kind_of_callable(traced: Traced) -> None:
    for name in ("complete", "complete_async", "stream", "stream_async"):
        with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'nope'"):
            getattr(toy, name)("m", nope=1)


def test_a_generator_has_its_context_while_its_body_runs_and_its_consumer_does_not(traced: Traced) -> None:
    toy.set_caller("c-1")
    before = get_current()
    generator = toy.stream("m", lambda: traced.mark("body"))
    assert inspect.isgenerator(generator)
    assert next(generator) == 0
    assert get_current() is before
    traced.mark("consumer")
    assert generator.send("a") == 1
    assert generator.throw(toy.ToyError("b")) == "caught b"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "sent ['a', None]"
    llm = traced.named("chat m")
    assert {span.parent.span_id for span in traced.spans if span.name == "body"} == {llm.context.span_id}
    assert traced.named("consumer").parent.span_id != llm.context.span_id


def test_a_generator_that_is_closed_or_dropped_ends_its_span(traced: Traced) -> None:
    generator = toy.stream("closed", lambda: None)
    next(generator)
    generator.close()
    dropped = toy.stream("dropped", lambda: None)
    next(dropped)
    del dropped
    assert [span.name for span in traced.spans] == ["chat closed", "chat dropped"]
    assert all(span.status.is_unset for span in traced.spans)


def test_a_coroutine_runs_in_its_span_and_its_exception_is_the_same(traced: Traced) -> None:
    error = toy.ToyError("x")

    async def body() -> str:
        await asyncio.sleep(0)
        traced.mark("body")
        return "answer"

    async def fail() -> None:
        raise error

    async def main() -> None:
        coroutine = toy.complete_async("m", body)
        assert inspect.iscoroutine(coroutine)
        assert coroutine.__qualname__ == "complete_async"
        assert await coroutine == "answer"
        with pytest.raises(toy.ToyError) as caught:
            await toy.complete_async("failing", fail)
        assert caught.value is error

    asyncio.run(main())
    assert traced.named("body").parent.span_id == traced.named("chat m").context.span_id
    assert (traced.named("chat failing").attributes or {})["error.type"] == f"{toy.MODULE}.ToyError"


def test_an_async_generator_has_its_context_while_its_body_runs(traced: Traced) -> None:
    async def main() -> list[Any]:
        generator = toy.stream_async("m", lambda: traced.mark("body"))
        assert inspect.isasyncgen(generator)
        seen = []
        async for item in generator:
            traced.mark("consumer")
            seen.append(item)
        early = toy.stream_async("early", lambda: None)
        await anext(early)
        await early.aclose()
        return seen

    assert asyncio.run(main()) == [0, 1, 2]
    llm = traced.named("chat m")
    assert {span.parent.span_id for span in traced.spans if span.name == "body"} == {llm.context.span_id}
    assert {span.parent for span in traced.spans if span.name == "consumer"} == {None}
    assert traced.named("chat early").end_time is not None


ITEMS: list[Any] = [{"by": "m-1"}, {"usage": (1, 1)}, {"text": "no usage"}, {"usage": (7, 3)}, None]
# These calls do not account for what they tell: another row does.
LATE = ("gen_ai.response.model", "rvbbit.usage.told.input_tokens", "rvbbit.usage.told.output_tokens")


def late(span: Any) -> list[Any]:
    return [(span.attributes or {}).get(name) for name in LATE]


def test_what_a_stream_says_of_itself_is_read_from_the_last_item_that_has_it(traced: Traced) -> None:
    async def collect() -> list[Any]:
        return [item async for item in toy.stream_items_async("async", ITEMS)]

    assert list(toy.stream_items("sync", ITEMS)) == ITEMS
    assert asyncio.run(collect()) == ITEMS
    early = toy.stream_items("early", ITEMS)
    assert [next(early), next(early)] == ITEMS[:2]
    early.close()
    assert late(traced.named("chat sync")) == late(traced.named("chat async")) == ["m-1", 7, 3]
    assert late(traced.named("chat early")) == ["m-1", 1, 1]


def test_an_item_that_can_not_be_read_is_counted_and_yielded(traced: Traced) -> None:
    class Hostile:
        @property
        def usage(self) -> Any:
            raise RuntimeError("no usage of me")

    hostile = Hostile()
    assert list(toy.stream_items("m", [hostile, {"usage": (7, 3)}])) == [hostile, {"usage": (7, 3)}]
    assert late(traced.named("chat m")) == [None, 7, 3]
    assert traced.errors() == {"errors.hook.llm": 2}  # Two fields are of its usage.


class Steering(toy.ToyError):
    pass


def test_an_exception_that_steers_is_no_error_of_the_call_and_passes(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    steers = {"not_errors": (f"{toy.MODULE}:ToyError",)}
    hooks = (
        Hook(Role.CASCADE, f"{toy.MODULE}:Cascade.run", {"session_id": "self.session_id"}, **steers),
        Hook(Role.CELL, f"{toy.MODULE}:Cascade.cell", {"name": "name"}, **steers),
    )
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", hooks),))
    traced = instrumented()
    steering, failing = Steering("over to you"), KeyError("x")
    for session, error in (("s-1", steering), ("s-2", failing)):
        cascade = toy.Cascade(session)

        def stop(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            cascade.run(lambda cascade=cascade, stop=stop: cascade.cell("c", stop))
        assert caught.value is error
    ended = [
        (attributes["rvbbit.session.status"], attributes.get("error.type"))
        for span in traced.spans
        if (attributes := dict(span.attributes or {})).get("rvbbit.session.event") == "end"
    ]
    assert ended == [("completed", None), ("error", "KeyError")]
    cells = [(span.attributes or {}).get("error.type") for span in traced.spans if span.name == "cell c"]
    assert cells == [None, "KeyError"]


def test_a_callable_that_a_look_up_returns_is_intercepted_with_the_fields_of_the_look_up(traced: Traced) -> None:
    registry = toy.Registry()
    double, fetch = registry.find("double"), registry.find("fetch")
    assert double is not None
    assert fetch is not None
    assert registry.find("gone") is None
    assert (double(21), double(number=4)) == (42, 8)
    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(fetch(3)) == 3
    assert [span.name for span in traced.spans] == [
        "execute_tool double",
        "execute_tool double",
        "execute_tool fetch",
    ]


def drive_everything() -> list[Any]:
    """Each hook of the toy once; what the host gets to see."""
    cascade, manager = toy.Cascade("s-1"), toy.Sessions()

    async def answer() -> str:
        return "answer"

    async def collect() -> list[Any]:
        return [item async for item in toy.stream_async("m", lambda: None)]

    later: list[Callable[[], Any]] = []
    toy.submit(later, lambda: "later")
    return [
        toy.set_caller("c-1"),
        toy.track_query("q"),
        manager.get("s-1"),
        manager.status("s-1", "waiting"),
        cascade.run(lambda: manager.heartbeat("s-1")),
        cascade.cell("c", lambda: 1),
        cascade.tool("t", lambda: 2),
        toy.complete("m", lambda: {"tokens_in": 1}),
        asyncio.run(toy.complete_async("m", answer)),
        list(toy.stream("m", lambda: None)),
        asyncio.run(collect()),
        toy.log("s-1", "user"),
        manager.end("s-1"),
        later[0](),
        toy.clear_caller(),
        toy.handle("q", lambda: 3),
        toy.loop(lambda: 4),
        toy.price("r-1", 0.5),
    ]


# Those that replace an argument or an answer have no handler; their faults are tested with them.
REPLACING = {
    Role.EXECUTOR.value,
    Role.CALLER_ASKED.value,
    Role.CALLER_GUESSED.value,
    Role.CALLER_PASSED.value,
}
ROLES = sorted({hook.role.value for hook in toy.SPEC.hooks} - REPLACING)


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("place", ["enter", "finish"])
@pytest.mark.parametrize("role", ROLES)
def test_a_fault_in_any_hook_of_ours_changes_nothing_for_the_host_and_is_counted(
    role: str, place: str, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = drive_everything()
    original = Interception.__init__

    def faulty(self: Interception, hook: Any, arguments: Any, enter: Any, counters: Any) -> None:
        if hook.role.value == role:
            enter = broken if place == "enter" else lambda values: Running(None, broken)
        original(self, hook, arguments, enter, counters)

    monkeypatch.setattr(Interception, "__init__", faulty)
    traced = instrumented()
    before = get_current()
    assert drive_everything() == expected
    if role not in ("caller_set", "caller_cleared"):
        assert get_current() is before
    assert list(traced.errors()) == [f"errors.hook.{role}"]
    assert traced.errors()[f"errors.hook.{role}"] >= 1


def test_a_fault_of_ours_is_logged_once_with_its_cause(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    for hook in traced.ours.hooks._interceptions:
        hook._enter = broken
    for _ in range(5):
        toy.log("s-1", "user")
    assert traced.errors() == {"errors.hook.log": 5}
    assert [record.getMessage().split(" failed")[0] for record in caplog.records] == ["rvbbit-otel: hook.log"]


def test_a_field_that_raises_in_the_host_costs_the_row_only(traced: Traced) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text of me")

    assert toy.log(Hostile(), "user") == "logged"
    assert toy.log("s-1", Hostile()) == "logged"
    assert traced.errors() == {"errors.hook.log": 1}


def test_uninstrumenting_in_the_middle_of_a_call_lets_it_end_well(traced: Traced) -> None:
    toy.set_caller("c-1")
    assert toy.Cascade("s-1").run(lambda: RvbbitInstrumentor().uninstrument() or "ran") == "ran"
    assert "caller_id" not in str(get_current())
    assert runners.SHIPPED == (toy.SPEC,)
