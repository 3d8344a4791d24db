"""Questions by their names: what stops them, and how often it is said."""

from __future__ import annotations

import asyncio

import pytest

from rvbbit_otel.all_in_one.answering.questions import Questions
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.errors import StoreUnavailableError


def test_a_kill_is_said_until_its_question_has_ended_and_to_no_other() -> None:
    async def run() -> None:
        said: list[str] = []
        questions = Questions(said.append)
        mine, other = questions.begin("mine", "SELECT 1"), questions.begin("other", "SELECT 2")
        mine.readers.append("reader-1")
        other.readers.append("reader-2")
        questions.kill(mine)
        while len(said) < 3:
            await asyncio.sleep(0.01)
        questions.end(mine)
        count = len(said)
        await asyncio.sleep(0.3)
        assert (set(said), len(said)) == ({"reader-1"}, count)

    asyncio.run(run())


def test_what_is_stopped_before_it_has_begun_says_why() -> None:
    async def run() -> None:
        questions = Questions(lambda reader: None)
        killed, left, neither = (questions.begin(name, "SELECT 1") for name in ("killed", "left", "neither"))
        questions.kill(killed)
        questions.leave(left)
        with pytest.raises(EngineError, match="394"):
            killed.check()
        with pytest.raises(StoreUnavailableError):
            left.check()
        neither.check()
        for each in (killed, left, neither):
            questions.end(each)

    asyncio.run(run())


def test_a_name_is_taken_until_its_question_has_ended() -> None:
    questions = Questions(lambda reader: None)
    first = questions.begin("one", "SELECT 1")
    with pytest.raises(EngineError, match="216"):
        questions.begin("one", "SELECT 2")
    assert questions.named("one") is first
    questions.end(first)
    assert questions.named("one") is None
    questions.begin("one", "SELECT 3")
