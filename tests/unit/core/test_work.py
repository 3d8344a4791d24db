"""How long a piece of work speaks for what it was handed over to, to the instant."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from opentelemetry.context import Context

from rvbbit_otel import called_by
from rvbbit_otel.attributes import CALLER_ORIGIN
from rvbbit_otel.attribution import driven_generators, work
from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId
from rvbbit_otel.attribution.propagation import block_session_of, with_session, with_work
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.work import (
    Work,
    begin_afresh,
    go_on,
    reads,
    said_in_generator,
    say_whose_run_it_is_in,
    when_first_in_generator,
    within_blocks,
    work_of,
)


def test_what_was_only_inherited_is_believed_to_the_last_second_after_the_end_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[-1])
    monkeypatch.setattr(Work, "believed", 60.0)
    block, elsewhere = Work(Caller.of("sql-fox")), copy_context()
    job = elsewhere.run(block.job)
    block.end()
    seen = []
    for now in (1000.0, 1060.0, 1060.5, 5000.0):
        clock.append(now)
        seen.append(elsewhere.run(lambda: (block.holds, job.holds)))
    assert seen == [(True, True), (True, True), (False, False), (False, False)]
    assert not block.holds
    after = elsewhere.run(lambda: block.after)
    assert after is not None
    assert (after.caller, after.candidate) == (None, "sql-fox")  # And not whatever was around the block.


@pytest.mark.parametrize(("caller", "conflict"), [("sql-fox", None), ("sql-cat", "sql-fox"), ("sql-owl", "sql-fox")])
def test_work_of_another_caller_s_inside_a_run_says_whose_the_run_is(caller: str, conflict: str | None) -> None:
    fox = Caller.of("sql-fox")
    run = Work(fox, echo=EchoRegistry().open(SessionId("s1"), fox))
    inside = Work(Caller(CallerId("".join(list(caller)))), run)
    say_whose_run_it_is_in(inside)
    assert inside.conflict == conflict


def test_a_job_that_is_over_twice_or_on_another_line_raises_nothing() -> None:
    token = begin_afresh()
    go_on(token)
    go_on(token)
    copy_context().run(go_on, begin_afresh())


def test_what_waits_for_the_first_block_in_a_generator_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps() -> Iterator[None]:
        with called_by("web-1"):
            yield

    monkeypatch.setattr(work, "_when_first", [])
    done: list[str] = []
    when_first_in_generator(lambda: done.append("done"))
    for _ in range(2):
        list(steps())
    assert done == ["done"]


def test_the_frames_of_a_generator_that_we_drive_are_known_once_each_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def inner() -> Iterator[int]:
        yield from [1, 2, 3]

    def outer() -> Iterator[int]:
        yield from inner()

    told: list[tuple[int, Work | None]] = []
    monkeypatch.setattr(driven_generators, "reads", lambda frame, work: told.append((frame, work)))
    block, steps = Work(None), outer()
    frames = driven_generators.Frames(block)
    for _ in steps:
        frames.of(steps)
    known = [frame for frame, _ in told]
    assert told == [(frame, block) for frame in known]
    assert len(known) == len(set(known)) == 2
    frames.forget()
    assert told[2:] == [(frame, None) for frame in known]


@pytest.mark.parametrize(("origin", "stated"), [("web", "web"), ("sql", "sql"), ("unknown", None)])
def test_an_origin_that_nobody_knows_is_not_stated(origin: str, stated: str | None) -> None:
    stamp = Work(Caller.of("sql-fox", origin="".join(list(origin)))).stamp
    assert stamp.get(CALLER_ORIGIN) == stated


def test_a_runner_s_session_is_no_block_of_the_application() -> None:
    assert block_session_of(with_session(Context(), SessionId("s1"))) is None


def test_work_ends_once() -> None:
    block = Work(None)
    assert [block.end(), block.end()] == [True, False]


def test_a_block_in_a_generator_holds_for_the_generator_itself_while_it_runs() -> None:
    block = Work(Caller.of("web-1"))

    def steps() -> Iterator[tuple[bool, Work | None]]:
        block.bind(sys._getframe())
        yield block.holds, said_in_generator(None)

    running = steps()
    assert next(running) == (True, block)
    assert (block.holds, said_in_generator(None)) == (False, None)
    block.end()


def test_work_that_is_entered_outside_of_every_generator_s_block_stays_what_it_is() -> None:
    entered = Work(Caller.of("web-1"))
    assert within_blocks(entered) is entered


def test_a_step_that_we_drive_does_not_speak_for_other_work_that_runs_in_it() -> None:
    driving, other = Work(Caller.of("web-1")), Work(Caller.of("web-2"))
    frame = id(sys._getframe())
    reads(frame, driving)
    try:
        assert work_of(with_work(Context(), other)) is other
    finally:
        reads(frame, None)
