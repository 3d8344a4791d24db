"""Random programs: what hypothesis makes of the primitives, and shrinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from tests.model.programs import (
    BAD,
    CALLERS,
    SESSIONS,
    Advance,
    Await,
    Block,
    Body,
    Callback,
    Cascade,
    Close,
    Collect,
    Drop,
    End,
    Fetch,
    Finally,
    Fork,
    Handle,
    Login,
    Loop,
    Make,
    Mark,
    OnDone,
    Open,
    Polling,
    Program,
    Put,
    Query,
    Signal,
    Start,
    Step,
    Take,
    Yield,
)

_T = TypeVar("_T")
DEPTH = 4
_numbers = {limit: st.integers(0, limit) for limit in range(40)}
_LINES = ("thread", "job", "task", "thread", "job", "task", "pool_job", "timer", "subclass", "executor", "to_thread")


class Maker:
    """Draws a program, step by step. The simplest choice is always the first."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def number(self, limit: int) -> int:
        return int(self._draw(_numbers[limit]))

    def one(self, choices: Sequence[_T]) -> _T:
        return choices[self.number(len(choices) - 1)]

    def body(self, depth: int, generator: bool = False, most: int = 5) -> Body:
        steps: list[Step] = []
        for _ in range(1 + self.number(most - 1)):
            if depth > 1 and not generator and self.number(5) == 5:
                steps.extend(self.story(depth - 2))
            else:
                steps.append(self.step(depth, generator))
        return tuple(steps)

    def story(self, depth: int) -> Body:
        """Steps that have to do with each other, as single ones seldom have by chance."""
        first, second = self.one(CALLERS), self.caller()
        line, place, session = self.one(_LINES), self.one(("queue", "simple", "pipe", "box")), self.one(SESSIONS)
        kind = self.number(5)
        if kind == 0:  # A worker that was started by the first, and takes what the second put.
            taking: Body = (Take(place), *self.body(depth))
            if self.number(2) == 0:
                taking = (Loop((Take("queue"), *self.body(depth))),)
            steps: Body = (
                Block(first, (Start(line, taking), *self.body(depth))),
                Block(second, (Put(place), *self.body(depth))),
            )
        elif kind == 1:
            looking = Polling(self.one(("sleep", "event")), (*self.body(depth), Take(place), Mark()))
            line_body = (looking, *self.body(depth))
            steps = (Block(first, (Start(line, line_body),)), Block(second, (Put("things"), Put(place), Signal())))
        elif kind == 2:
            steps = (Block(first, (Start("job", self.body(depth)),)), Block(second, (OnDone(0, self.body(depth)),)))
        elif kind == 3:  # A generator of the first, which the second drives.
            how = self.one(("plain", "decorated", "stream", "sync"))
            made = Make(how, self.body(depth + 1, True), self.one(CALLERS), session)
            then = self.one((Advance, Close, Drop))
            steps = (Block(first, (made, Advance(3), Mark())), Block(second, (then(3), Mark())), Advance(3))
        elif kind == 4:  # A session id that comes again, maybe at the same time.
            again = Cascade(session, self.body(depth), self.one((None, None, *CALLERS)))
            begun = Start(line, (Cascade(session, self.body(depth)), Mark("row", session=session)))
            steps = (Block(first, (begun,)), Block(second, (again, Mark("row", session=session))))
        else:
            late = Start(line, (Await(), Mark(), *self.body(depth)))
            steps = (Block(first, (late,)), Block(second, (Signal(), *self.body(depth))))
        return (Loop(steps),) if self.number(2) == 2 else steps

    def step(self, depth: int, generator: bool) -> Step:
        if generator:
            kind = self.number(7)
            if kind < 2:
                return Yield()
            if kind == 2 and depth > 0:
                return Block(self.caller(), self.body(depth - 1, True))
            if kind == 3 and depth > 0:
                return Finally(self.body(depth - 1, True))
            if kind < 6:
                return Mark()
        kind = self.number(39)
        return self.leaf(kind) if kind < 18 or depth == 0 else self.branch(kind, depth - 1, generator)

    def caller(self) -> str:
        return self.one((*CALLERS, *CALLERS, BAD))

    def leaf(self, kind: int) -> Step:
        if kind == 7:
            how = self.one(("row", "late", "explicit", "late_explicit"))
            return Mark(how, self.caller(), self.one(SESSIONS), bool(self.number(1)))
        if kind == 6:
            return self.one((Query(0), Query(1), Query(0, True), Query(1, True), Fetch(0), Fetch(1)))
        if kind in (8, 9):
            return Put(self.one(("queue", "simple", "pipe", "box", "things")))
        if kind in (10, 11):
            return Take(self.one(("queue", "simple", "pipe", "box")))
        if kind in (12, 13):
            return Advance(self.number(3))
        if kind == 14:
            return self.one((Signal(), Await()))
        if kind == 15:
            return self.one((Close, Drop, Drop))(self.number(3))
        if kind == 16:
            return Collect() if self.number(1) else End(self.one(SESSIONS))
        if kind == 17:
            return Open(self.one(SESSIONS), self.one((None, *CALLERS)))
        return Mark()

    def branch(self, kind: int, depth: int, generator: bool) -> Step:
        def body() -> Body:
            return self.body(depth)

        if kind < 22:
            # A block around a `yield` is the point of one in a generator.
            return Block(self.caller(), self.body(depth, generator), bool(self.number(1)))
        if kind < 25:
            named = (None, None, *CALLERS, BAD)
            return Cascade(self.one(SESSIONS), body(), self.one(named), self.one((None, None, *SESSIONS)))
        if kind < 30:
            return Start(self.one(_LINES), body())
        if kind < 33:
            how = self.one(("plain", "decorated", "stream", "sync"))
            return Make(how, self.body(depth, True), self.one(CALLERS), self.one(SESSIONS))
        if kind < 35:
            return Loop(body())
        if kind == 35:
            return Handle(self.caller(), body())
        if kind == 36:
            return Login(self.caller(), body(), self.one((None, "connection-1", "connection-2")))
        if kind == 37:
            return OnDone(self.number(3), body())
        if kind == 38:
            return Callback(self.one(("soon", "later", "threadsafe")), body(), self.one((None, *CALLERS)))
        return Polling(self.one(("sleep", "event")), body())


@st.composite
def programs(draw: Any, processes: bool = False) -> Program:
    """`processes`: with some, which take long."""
    maker = Maker(draw)
    body = maker.body(DEPTH, most=7)
    if processes:
        body = (
            *body,
            Block(maker.caller(), (Start("thread", (Fork("fork"), Fork())), Fork(), *maker.body(2))),
            Fork("fork"),
        )
    choices = tuple(maker.number(4) for _ in range(maker.number(39)))
    limits = maker.one(("none", "none", "none", "count", "length"))
    return Program(body, choices, limits, maker.number(2) == 2)
