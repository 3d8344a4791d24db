from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tests.model.check import Tally, WrongError, check
from tests.model.programs import (
    Advance,
    Await,
    Block,
    Body,
    Cascade,
    Close,
    Finally,
    Loop,
    Make,
    Mark,
    Polling,
    Program,
    Put,
    Signal,
    Start,
    Take,
    Yield,
)
from tests.model.search import search
from tests.model.shrink import shrunk
from tests.model.world import Stage, stage

from rvbbit_otel.attribution.work import Work

FIRST, SECOND = "user-1", "user-2"


@pytest.fixture(scope="module")
def there() -> Iterator[Stage]:
    logging.disable()
    with stage() as made:
        yield made
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("number", range(8))
def test_no_row_of_a_random_program_is_anothers_or_lost_without_a_reason(there: Stage, number: int) -> None:
    tally = Tally()
    assert search(there, number, 50, tally) is None
    assert tally.schedules >= 50
    assert tally.right > tally.schedules


def test_no_row_of_a_random_program_with_processes_is_anothers(there: Stage) -> None:
    tally = Tally()
    assert search(there, 1, 6, tally, processes=True) is None
    assert tally.schedules >= 6


WORKER: Body = (Take("queue"), Mark())
FOUND = {
    "a loop that waits, then takes another's item from a queue, and works on it after the loop": (
        Block(FIRST, (Start("thread", (Polling("sleep", (Take("queue"), Mark()), after=True), Mark())),)),
        Block(SECOND, (Put("things"), Put("queue"))),
    ),
    "a thread's own event loop takes another's item": (
        Block(FIRST, (Start("thread", (Await(), Loop((Take("pipe"), Mark())))),)),
        Block(SECOND, (Signal(), Put("pipe"))),
    ),
    "a decorated generator is closed by another": (
        Block(SECOND, (Make("decorated", (Finally((Yield(),)),), FIRST), Advance(0), Close(0), Mark())),
    ),
    "a session id comes again while it runs": (
        Block(FIRST, (Start("thread", (Cascade("session-1", (Mark(), Await(), Mark())),)),)),
        Block(SECOND, (Cascade("session-1", (Signal(), Mark(), Mark("row"))),)),
    ),
    "a worker takes an item of its own starter, and one of another": (
        Block(FIRST, (Start("thread", (*WORKER, *WORKER)), Put("queue"))),
        Block(SECOND, (Put("queue"), Mark())),
    ),
}


@pytest.mark.parametrize("body", FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("choices", [(), (1,) * 40, (2, 1) * 20], ids=["in turn", "ones", "twos"])
def test_programs_that_were_wrong_once_are_right(there: Stage, body: Body, choices: tuple[int, ...]) -> None:
    check(there, Program(body, choices))


def test_a_program_that_is_wrong_is_printed_as_one_that_runs(there: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "holds", property(lambda self: True))
    body = (Block(FIRST, (Start("thread", WORKER),)), Block(SECOND, (Put("queue"),)))
    with pytest.raises(WrongError) as wrong:
        check(there, Program(body, (1,) * 9))
    said, _, program = str(wrong.value).partition("\n\n")
    assert "another's: Row(name='user-2', caller='user-1'" in said
    assert "queue.get()" in program
    compile(program, "printed", "exec")


def test_a_wrong_program_is_shrunk_to_what_makes_it_wrong(there: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Work, "holds", property(lambda self: True))
    worker = (Mark(), Block(FIRST, (Mark(),)), *WORKER, Mark())
    body = (Mark(), Block(FIRST, (Mark(), Start("thread", worker))), Block(SECOND, (Mark(), Put("queue"), Mark())))

    def is_wrong(program: Program) -> bool:
        try:
            check(there, program)
        except WrongError:
            return True
        return False

    smallest = shrunk(Program(body, (1,) * 9, "count"), is_wrong, 500)
    assert smallest.body == (Block(FIRST, (Start("thread", WORKER),)), Put("queue"))
    assert smallest.limits == "none"
