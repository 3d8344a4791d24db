"""Calls whose results are entered, what is added up, what calls mean nothing, and clients that account alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from tests.unit.instrumentation import toy_blocks
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel import called_by
from rvbbit_otel.instrumentation import runners


@pytest.fixture
def traced(instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.setattr(runners, "SHIPPED", (toy_blocks.SPEC,))
    return instrumented()


def sessions(traced: Traced) -> dict[str, Any]:
    """Session by name of each third-party span."""
    return {
        span.name: (span.attributes or {}).get("session.id")
        for span in traced.spans
        if "rvbbit.kind" not in (span.attributes or {})
    }


def endings(traced: Traced) -> dict[str, tuple[str, Any]]:
    said = [dict(span.attributes or {}) for span in traced.spans]
    return {
        each["session.id"]: (each["rvbbit.session.status"], each.get("error.type"))
        for each in said
        if each.get("rvbbit.kind") == "cascade"
    }


def test_the_block_of_a_run_that_is_entered_is_a_part_of_it_and_what_follows_is_not(traced: Traced) -> None:
    async def run() -> None:
        with called_by("c-1"):
            before = get_current()
            async with toy_blocks.Agent().iter("run-1") as entered:
                traced.mark("inside")
                await asyncio.create_task(as_a_job("job"))
            assert entered == "run-1"
            assert get_current() is before
            traced.mark("after")

    async def as_a_job(name: str) -> None:
        traced.mark(name)

    asyncio.run(run())
    assert sessions(traced) == {"inside": "run-1", "job": "run-1", "after": sessions(traced)["after"]}
    assert sessions(traced)["after"].startswith("c-1/")
    assert traced.callers() == dict.fromkeys(("inside", "job", "after"), "c-1")
    assert endings(traced) == {"run-1": ("completed", None)}
    assert traced.errors() == {}


def test_runs_that_are_entered_at_once_on_one_loop_keep_apart(traced: Traced) -> None:
    async def one(number: int) -> None:
        with called_by(f"c-{number}"):
            async with toy_blocks.Agent().iter(f"run-{number}"):
                for step in range(3):
                    await asyncio.sleep(0)
                    traced.mark(f"{number} {step}")

    async def both() -> None:
        await asyncio.gather(one(1), one(2))

    asyncio.run(both())
    assert sessions(traced) == {f"{number} {step}": f"run-{number}" for number in (1, 2) for step in range(3)}


def test_a_generator_that_enters_a_run_leaves_its_consumer_alone(traced: Traced) -> None:
    async def answers() -> AsyncIterator[int]:
        async with toy_blocks.Agent().iter("run-1"):
            for number in range(2):
                traced.mark(f"produced {number}")
                yield number

    async def consume() -> None:
        with called_by("c-1"):
            async for number in answers():
                traced.mark(f"consumed {number}")

    asyncio.run(consume())
    found = sessions(traced)
    assert (found["produced 0"], found["produced 1"]) == ("run-1", "run-1")
    assert all(found[f"consumed {number}"].startswith("c-1/") for number in range(2))
    assert endings(traced) == {"run-1": ("completed", None)}


def test_a_generator_that_enters_a_part_of_the_work_around_it_leaves_that_to_those_around_it(traced: Traced) -> None:
    async def answers(name: str) -> AsyncIterator[int]:
        async with toy_blocks.request("m"):
            for number in range(2):
                traced.mark(f"{name} {number}")
                yield number

    async def consume() -> None:
        with called_by("c-1"):
            async for number in answers("produced"):
                traced.mark(f"consumed {number}")
            traced.mark("after")
        with called_by("c-2"):
            left = answers("started")
            await anext(left)
            traced.mark("left open")
        traced.mark("nobody's")

    asyncio.run(consume())
    names = ("produced 0", "consumed 0", "produced 1", "consumed 1", "after")
    callers = traced.callers()
    assert [callers[name] for name in names] == ["c-1"] * 5
    assert (callers["started 0"], callers["left open"], callers["nobody's"]) == ("c-2", "c-2", None)
    (session,) = {sessions(traced)[name] for name in names}
    assert session.startswith("c-1/")
    assert traced.errors() == {}


def test_what_leaves_the_block_or_the_entering_ends_the_run_as_failed_and_passes(traced: Traced) -> None:
    error = ValueError("broken")

    async def breaks() -> None:
        async with toy_blocks.Agent().iter("run-1"):
            raise error

    async def never_entered() -> None:
        async with toy_blocks.Agent().iter("run-2", fails=True):
            raise AssertionError("not reached")

    before = get_current()
    with pytest.raises(ValueError, match="broken") as caught:
        asyncio.run(breaks())
    assert caught.value is error
    with pytest.raises(toy_blocks.ToyError, match="not entered"):
        asyncio.run(never_entered())
    with toy_blocks.Agent().iter_sync("run-3") as entered:
        traced.mark("inside")
    with toy_blocks.Agent().quietly("run-4") as quiet:
        raise error
    assert entered == "run-3"
    assert isinstance(quiet, toy_blocks.Quiet)
    assert get_current() is before
    assert endings(traced) == {
        "run-1": ("error", "ValueError"),
        "run-2": ("error", f"{toy_blocks.MODULE}.ToyError"),
        "run-3": ("completed", None),
        "run-4": ("completed", None),
    }
    assert sessions(traced) == {"inside": "run-3"}


def test_what_is_no_context_manager_is_returned_as_it_is(traced: Traced) -> None:
    assert toy_blocks.Agent().not_a_manager("run-1") == "run-1"
    assert traced.spans == ()


def test_what_was_entered_is_read_when_it_is_left_and_numbers_are_added_up(traced: Traced) -> None:
    async def ask() -> None:
        async with toy_blocks.request("m") as answer:
            assert answer.usage is None
            traced.mark("inside")

    asyncio.run(ask())
    said = dict(traced.named("chat m").attributes or {})
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (5, 7)
    assert (said["gen_ai.response.id"], said["rvbbit.usage.counted"]) == ("resp-1", True)
    assert traced.named("inside").parent.span_id == traced.named("chat m").context.span_id


def test_a_call_that_a_hooked_one_makes_is_no_second_row_and_a_client_accounts_where_no_run_is_around(
    traced: Traced,
) -> None:
    with called_by("c-1"):
        toy_blocks.complete("m")
        list(toy_blocks.complete("m", stream=True))
        toy_blocks.complete("m", inner=True)
        with toy_blocks.Agent().iter_sync("run-1"):
            toy_blocks.complete("m")
    rows = [dict(span.attributes or {}) for span in traced.spans if span.name == "chat m"]
    names = {True: "gen_ai.usage.input_tokens", False: "rvbbit.usage.told.input_tokens"}
    used = [(row[names[row["rvbbit.usage.counted"]]], row["rvbbit.usage.counted"]) for row in rows]
    assert used == [(3, True), (4, True), (3, False)]


def test_attributes_that_another_processor_puts_in_the_place_of_the_stamped_ones_keep_their_stamp(
    traced: Traced,
) -> None:
    class Replacing(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            span._attributes = {**(span.attributes or {}), "added": "later"}

    traced.provider._active_span_processor._span_processors = (
        Replacing(),
        *traced.provider._active_span_processor._span_processors,
    )
    with called_by("c-1"), toy_blocks.Agent().iter_sync("run-1"):
        traced.mark("inside")
    said = dict(traced.named("inside").attributes or {})
    assert (said["added"], said["rvbbit.caller.id"], said["rvbbit.caller.source"]) == ("later", "c-1", "echo")
