"""Walks through a program in the order of its choices: the contract says whose each span is, and what is walked is written down as Python.

Only one line of execution runs at a time; `turn(n)` hands over to the n-th stretch and waits for its own. A step that could never go on (a `get`
of which nobody puts) is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.model import contract
from tests.model.contract import Flow, Item, Run, Scope, Sessions, Whose
from tests.model.programs import (
    BAD,
    NOBODY,
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
    Expected,
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
    Take,
    Written,
    Yield,
)

Walker = Iterator[Callable[[], bool]]
MAX_STEPS = 400


class Code:
    """A function that is being written."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.depth = 1

    def add(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def nested(self, head: str) -> Iterator[None]:
        self.add(head)
        before = len(self.lines)
        self.depth += 1
        try:
            yield
        finally:
            if len(self.lines) == before:
                self.add("pass")
            self.depth -= 1


@dataclass(eq=False)
class Place:
    """A shared place: what waits in it, and the line that waits for something."""

    items: deque[Item] = field(default_factory=deque)
    waiting: Line | None = None
    given: Item | None = None


@dataclass(eq=False)
class EventLoop:
    """A running event loop; each has shared places of its own."""

    number: int
    lines: list[Line] = field(default_factory=list)
    place: Place = field(default_factory=Place)
    is_set: bool = False


def _at_once() -> bool:
    return True


@dataclass(eq=False)
class Line:
    """A line of execution, or a generator, as it is walked. atomic: it can't be interrupted."""

    flow: Flow
    code: Code
    loop: EventLoop | None = None
    atomic: bool = False
    generator: bool = False
    within: int = 0  # functions inside of a generator, in which there is no `yield`
    walker: Walker | None = None
    ready: Callable[[], bool] = _at_once
    begun: bool = False
    done: bool = False
    turn: int | None = None
    skipped: bool = False
    callbacks: list[Line] = field(default_factory=list)
    blocked: bool = False  # in a step that may never go on
    collected: bool = False
    active: bool = False
    number: int = 0
    asked: Whose | None = None  # of a hooked stream: whose the call was, whoever makes its first step

    @property
    def finished(self) -> bool:
        return self.done and all(each.done for each in self.callbacks)

    @property
    def is_async(self) -> bool:
        return self.loop is not None

    @property
    def wait(self) -> str:
        return "await a" if self.is_async else ""

    @property
    def define(self) -> str:
        return "async def" if self.is_async else "def"

    @property
    def call(self) -> str:
        return "await " if self.is_async else ""


class Walk:
    """One walk through one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sessions = Sessions(2 if program.evicts else 1_000_000)
        self.expected: dict[int, Expected] = {}
        self.of_runs: list[tuple[int, Run]] = []  # spans whose caller may be learned from their run when they leave
        self.codes: list[Code] = []
        self.lines: list[Line] = []
        self.jobs: list[Line] = []
        self.pool_jobs: list[Line] = []
        self.generators: list[Line] = []
        self.places = {name: Place() for name in ("queue", "simple", "pipe", "box", "things")}
        self.is_set = False
        self.left: set[int] = set()  # connections with a query that nobody has fetched
        self.logins: dict[str, list[tuple[Flow, Whose]]] = {}
        self._choices = list(program.choices)
        self._numbers = self._steps = 0
        self._turns = -1

    def write(self) -> Written:
        main = self._line(Flow(), "def main():")
        self._begin(main, self._main(main, self.program.body))
        current: Line | None = None
        while unfinished := [line for line in self.lines if not line.done]:
            ready = [line for line in unfinished if line.ready()]
            if ready:
                line = self._choose(ready, current)
                line.skipped = False
            else:
                line = next(each for each in reversed(unfinished) if each.blocked)
                line.skipped = True
            line.turn = None
            if line is not current:
                self._turns += 1
                line.turn = self._turns
            current = line
            self._resume(line)
        for number, run in self.of_runs:
            expected = self.expected[number]
            if run.caller not in expected.allowed:
                allowed = expected.allowed | {run.caller}
                self.expected[number] = Expected(allowed, expected.reason or contract.CLAIMED)
        source = "\n\n\n".join("\n".join(code.lines) for code in self.codes) + "\n"
        return Written(source, self.expected, self.program)

    def _choose(self, ready: list[Line], current: Line | None) -> Line:
        choice = self._choices.pop(0) if self._choices else 0
        if choice == 0:
            return current if current in ready else ready[-1]
        return ready[choice % len(ready)]

    def _resume(self, line: Line) -> None:
        assert line.walker is not None
        try:
            line.ready = next(line.walker)
        except StopIteration:
            line.done = True
            line.code.add("give()")

    def _line(self, flow: Flow, head: str, **more: Any) -> Line:
        line = Line(flow, Code(head), **more)
        self.codes.insert(0, line.code)
        self.lines.append(line)
        return line

    @staticmethod
    def _begin(line: Line, walker: Walker) -> None:
        line.walker = walker
        line.ready = next(walker)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # How lines take turns.
    def _boundary(self, line: Line, ready: Callable[[], bool] = _at_once) -> Iterator[Callable[[], bool]]:
        """Another line may go on here; false if this one never could."""
        if line.atomic:
            return ready()
        yield ready
        if line.turn is not None:
            line.code.add(f"{line.wait}{'turn' if line.begun else 'begin'}({line.turn})")
        line.begun = True
        return not line.skipped

    def _blocking(self, line: Line, now: bool, later: Callable[[], bool]) -> Iterator[Callable[[], bool]]:
        """It waits for something. None if it never comes; else what to write before and after the wait."""
        if now:
            return "", ""
        if line.atomic:
            return None
        line.blocked = True
        yield later
        line.blocked = False
        if line.skipped:
            if line.turn is not None:
                line.code.add(f"{line.wait}turn({line.turn})")
            return None
        if line.turn is None:  # It was given what it waits for by a line that ended or wrote nothing since.
            return "", ""
        return "give()", f"{line.wait}begin({line.turn})"

    def _main(self, line: Line, body: Body) -> Walker:
        yield from self._boundary(line)
        yield from self._body(line, body)
        yield from self._boundary(line, lambda: all(each.done for each in self.lines if each is not line))
        for generator in list(self.generators):
            yield from self._drop(line, generator)
        for connection in sorted(self.left):
            yield from self._fetch(line, Fetch(connection))

    def _run(self, line: Line, body: Body, ready: Callable[[], bool] = _at_once) -> Walker:
        yield from self._boundary(line, ready)
        yield from self._body(line, body)

    def _body(self, line: Line, body: Body) -> Walker:
        for step in body:
            self._steps += 1
            if self._steps > MAX_STEPS:
                return
            if isinstance(step, Yield):
                if line.generator and not line.within:
                    line.code.add("yield")
                    yield lambda: True
                continue
            if (yield from self._boundary(line)):
                yield from getattr(self, f"_{type(step).__name__.lower()}")(line, step)

    @contextmanager
    def _told(self, line: Line, whose: Whose) -> Iterator[None]:
        line.flow.stack.append(whose)
        try:
            yield
        finally:
            line.flow.stack.pop()
            if whose.scope is not None:
                whose.scope.over = True

    @contextmanager
    def _function(self, line: Line, name: str, define: str | None = None) -> Iterator[None]:
        line.within += 1
        try:
            with line.code.nested(f"{define or line.define} {name}():"):
                yield
        finally:
            line.within -= 1

    def _by(self, line: Line, caller: str) -> Whose:
        """Whose a block of this caller is."""
        if caller == BAD:
            return Whose()
        around = line.flow.whose
        same = around.caller == caller and not around.doubt
        if around.doubt and around.caller == caller:
            return Whose(caller)  # By which rule it is known depends on what is in doubt.
        return Whose(caller, scope=Scope(), run=around.run if same else None)

    # Spans.
    def _mark(self, line: Line, step: Mark) -> Walker:
        number, around = self._number(), line.flow.whose
        more, name, run = "", around.caller, around.run
        expected = around.expected()
        if step.how == "row":
            inherited = line.flow.base.inherited
            if not line.flow.is_told and inherited.run is not None and inherited.caller is None:
                around = inherited  # Nobody's work stays in its run, whatever it takes up.
            whose = self.sessions.row(step.session, around)
            name, expected, run = whose.caller, whose.expected(), whose.run
            taken, latest = line.flow.base.taken, self.sessions.latest.get(step.session)
            if (
                not line.flow.is_told
                and taken is not None
                and inherited.run is not None
                and inherited.run.session == step.session
                and latest is not inherited.run
            ):
                name, run = taken.caller, None
                expected = Expected(frozenset({None, name}), contract.TWO_RUNS)
            more = f", session={step.session!r}"
        elif step.how == "late":
            run = self.sessions.latest.get(step.session)
            if around.caller is None or around.doubt:
                named = {None, around.caller} if run is None else {None, around.caller, run.caller}
                expected = Expected(frozenset(named), contract.LATE)
            more = f", late_session={step.session!r}"
        elif step.how == "explicit":
            name = None if step.caller == BAD else step.caller
            expected = Expected(frozenset({name}), sources=frozenset({"explicit"}))
            more = f", caller={step.caller!r}"
        elif step.how == "late_explicit":
            name = None if step.caller == BAD else step.caller
            expected = Expected(frozenset({name}))
            if name is not None and self.program.limits == "length":
                expected = Expected(frozenset({name, None}), contract.CUT)
            if self.program.limits == "count" and step.filled:
                # Known limit: nobody sees that the SDK evicted it, so what was there before the span named its caller is put back.
                expected = Expected(frozenset({name, around.caller, None}), contract.EVICTED)
            more = f", late_caller={step.caller!r}"
        if step.filled:
            more += ", filled=True"
        self.expected[number] = expected
        if run is not None and None in expected.allowed:
            self.of_runs.append((number, run))
        line.code.add(f"mark({name or NOBODY!r}, {number}{more})  # {expected}")
        yield from ()

    def _query(self, line: Line, step: Query) -> Walker:
        if step.connection in self.left:
            return
        number, around = self._number(), line.flow.whose
        # When its row is made is DuckDB's matter: the block may have ended by then.
        self.expected[number] = expected = replace(around.expected(), sources=frozenset())
        if step.left:
            self.left.add(step.connection)
        line.code.add(f"query({step.connection}, {around.caller or NOBODY!r}, {number}, {step.left})  # {expected}")
        yield from ()

    def _fetch(self, line: Line, step: Fetch) -> Walker:
        if step.connection in self.left:
            self.left.remove(step.connection)
            line.code.add(f"fetch({step.connection})")
        yield from ()

    def _fork(self, line: Line, step: Fork) -> Walker:
        if line.is_async or line.atomic:
            return
        number, whose = self._number(), line.flow.whose
        self.expected[number] = replace(whose.expected(), sources=frozenset())
        line.code.add(f"in_{step.kind}({whose.caller or NOBODY!r}, {number})  # {self.expected[number]}")
        yield from ()

    # Who says whose the work is.
    def _block(self, line: Line, step: Block) -> Walker:
        with self._told(line, self._by(line, step.caller)):
            if step.decorator and not line.generator:
                name = f"body_{self._number()}"
                line.code.add(f"@called_by({step.caller!r})")
                with self._function(line, name):
                    yield from self._body(line, step.body)
                line.code.add(f"{line.call}{name}()")
            else:
                with line.code.nested(f"with called_by({step.caller!r}):"):
                    yield from self._body(line, step.body)

    def _handle(self, line: Line, step: Handle) -> Walker:
        if line.is_async:
            return
        around = line.flow.whose
        known = around.caller == step.caller and not around.doubt
        whose = around if known else self._by(line, step.caller)
        name = f"body_{self._number()}"
        line.flow.stack.append(whose) if not known else None
        try:
            with self._function(line, name):
                yield from self._body(line, step.body)
        finally:
            if not known:
                line.flow.stack.pop()
                if whose.scope is not None:
                    whose.scope.over = True
        line.code.add(f"handle({step.caller!r}, {name})")

    def _login(self, line: Line, step: Login) -> Walker:
        live = self.logins.setdefault(step.connection or "", [])
        top = line.flow.stack[-1] if line.flow.stack else None
        if (
            line.generator
            or any(each is line.flow for each, _ in live)
            or any(top is whose for all_of in self.logins.values() for _, whose in all_of)
        ):
            return
        if step.connection is not None:
            for flow, whose in list(live):
                self._reconnected(flow, whose, step.caller)
            live.clear()
        whose = self._by(line, step.caller)
        connection = "" if step.connection is None else f", {step.connection!r}"
        line.code.add(f"login({step.caller!r}{connection})")
        place = len(line.flow.stack)
        line.flow.stack.append(whose)
        live.append((line.flow, whose))
        yield from self._body(line, step.body)
        now = line.flow.stack[place]
        self.logins[step.connection or ""] = [
            each for each in self.logins[step.connection or ""] if each[1] is not whose
        ]
        line.flow.stack.pop()
        if now.scope is not None:
            now.scope.over = True
        line.code.add(f"logout({connection[2:]})")

    @staticmethod
    def _reconnected(flow: Flow, whose: Whose, caller: str) -> None:
        place = next(number for number, each in enumerate(flow.stack) if each is whose)
        flow.stack[place] = replace(whose, doubt=contract.RECONNECTED)
        if whose.scope is None:
            return
        if whose.caller == caller:
            whose.scope.shared = True
        else:
            whose.scope.over = True

    # Sessions.
    def _open_run(self, line: Line, step: Cascade | Make) -> tuple[Run, Whose, bool]:
        around = line.flow.whose
        caller = step.caller if isinstance(step, Cascade) else None
        parent = step.parent if isinstance(step, Cascade) else None
        run = self.sessions.open(step.session, around, caller, parent, starts=True)
        first = not run.running
        run.running += 1
        return run, run.whose, first

    def _is_forgettable(self, session: str, around: Whose) -> bool:
        """Whether a session that lives may be forgotten: whose is what then begins in it depends on that."""
        known = self.sessions.latest.get(session)
        return self.program.evicts and known is not None and not known.ended and around.run is not known

    @staticmethod
    def _finish(run: Run, first: bool) -> None:
        run.running -= 1
        if first:
            run.ended = True

    def _cascade(self, line: Line, step: Cascade) -> Walker:
        around = line.flow.whose
        if step.caller is not None and around.run is not None and around.run.session == step.session:
            step = replace(
                step, caller=None
            )  # Its own session is claimed for another by itself: whose it is then, nobody can say.
        if step.parent is not None and (around.doubt or around.handed_over or step.parent == step.session):
            step = replace(step, parent=None)  # Two answers, of which neither is the better one.
        if self._is_forgettable(step.session, around):
            return
        run, whose, first = self._open_run(line, step)
        name = f"body_{self._number()}"
        more = "".join(f", {key}={value!r}" for key, value in (("user", step.caller), ("parent", step.parent)) if value)
        with self._told(line, whose):
            try:
                with self._function(line, name):
                    yield from self._body(line, step.body)
            finally:
                self._finish(run, first)
        line.code.add(f"{line.call}work({step.session!r}{more}).{'arun' if line.is_async else 'run'}({name})")

    def _open(self, line: Line, step: Open) -> Walker:
        around = line.flow.whose
        known = self.sessions.latest.get(step.session)
        caller = step.caller
        if self._is_forgettable(step.session, around):
            return
        if self.program.evicts and known is not None and known.ended:
            return  # To look it up again changes nothing where it is remembered, and opens another where it was forgotten.
        if known is not None and not known.ended and (known.running or known.caller not in (None, caller)):
            caller = None  # It is somebody's, or at work.
        self.sessions.open(step.session, around, caller, None, starts=False)
        line.code.add(f"open_session({step.session!r}{'' if caller is None else f', {caller!r}'})")
        yield from ()

    def _end(self, line: Line, step: End) -> Walker:
        around = line.flow.whose
        run = self.sessions.latest.get(step.session)
        if around.run is not None and around.run.session == step.session:
            run = around.run
        if run is not None:
            run.ended = run.ended or not run.running  # A cascade that runs says itself when it is over.
            line.code.add(f"close_session({step.session!r})")
        yield from ()

    # Lines of execution.
    def _start(self, line: Line, step: Start) -> Walker:
        kind = step.kind
        if kind in ("task", "executor", "to_thread") and not line.is_async:
            kind = "thread"
        number = self._number()
        name = f"line_{number}"
        loop = line.loop if kind == "task" else None
        made = self._line(line.flow.hand_over(), f"{'async def' if loop else 'def'} {name}():", loop=loop)
        made.number = number
        before: list[Line] = []
        if kind in ("task", "executor", "to_thread"):
            assert line.loop is not None
            line.loop.lines.append(made)
        if kind in ("job", "pool_job"):
            queue = self.jobs if kind == "job" else self.pool_jobs
            before = list(queue)
            queue.append(made)
        self._begin(made, self._run(made, step.body, lambda: all(each.finished for each in before)))
        tasks = f"tasks_{line.loop.number}" if line.loop is not None else ""
        line.code.add(
            {
                "thread": f"start(threading.Thread(target={name}))",
                "subclass": f"start(Own({name}))",
                "timer": f"start(threading.Timer(0, {name}))",
                "job": f"jobs[{number}] = world.pool.submit({name})",
                "pool_job": f"world.thread_pool.apply_async({name})",
                "task": f"{tasks}.append(asyncio.create_task({name}()))",
                "executor": f"{tasks}.append(asyncio.get_running_loop().run_in_executor(None, {name}))",
                "to_thread": f"{tasks}.append(asyncio.create_task(asyncio.to_thread({name})))",
            }[kind]
        )
        yield from ()

    def _ondone(self, line: Line, step: OnDone) -> Walker:
        running = [job for job in self.jobs if not job.done]
        if not running:
            return
        job = running[step.job % len(running)]
        number = self._number()
        made = self._line(line.flow.hand_over(), f"def line_{number}(_):")
        before = list(job.callbacks)
        self._begin(made, self._run(made, step.body, lambda: job.done and all(each.done for each in before)))
        job.callbacks.append(made)
        line.code.add(f"jobs[{job.number}].add_done_callback(line_{number})")
        yield from ()

    def _loop(self, line: Line, step: Loop) -> Walker:
        if line.is_async or line.atomic:
            return
        number = self._number()
        loop = EventLoop(number)
        line.code.add(f"async def main_{number}():")
        line.code.depth += 1
        line.code.add(f"global tasks_{number}, queue_{number}, event_{number}")
        line.code.add(f"tasks_{number}, queue_{number}, event_{number} = [], asyncio.Queue(), asyncio.Event()")
        line.loop = loop
        base, before = line.flow.base, line.flow.base.taken
        yield from self._body(line, step.body)
        yield from self._boundary(line, lambda: all(each.done for each in loop.lines))
        for generator in [each for each in self.generators if each.loop is loop]:
            yield from self._shut(line, generator)
        line.code.add(f"await asyncio.gather(*tasks_{number})")
        line.loop = None
        if base.taken is not before:
            now = before or base.inherited
            base.taken = replace(now, doubt=now.doubt or contract.AFTER_LOOP)
        line.code.depth -= 1
        line.code.add(f"asyncio.run(main_{number}())")

    def _callback(self, line: Line, step: Callback) -> Walker:
        if line.loop is None or line.atomic:
            return
        number = self._number()
        flow = line.flow.hand_over()
        if step.caller is not None:
            whose = self._by(line, step.caller)
            if whose.scope is not None:
                whose.scope.over = True
            flow = Flow(replace(whose, handed_over=True))
        line.code.add(f"ran_{number} = asyncio.get_running_loop().create_future()")
        made = Line(flow, line.code, atomic=True, begun=True)
        with line.code.nested(f"def line_{number}():"):
            yield from self._body(made, step.body)
            line.code.add(f"ran_{number}.set_result(None)")
        call = {"soon": "call_soon(", "later": "call_later(0, ", "threadsafe": "call_soon_threadsafe("}[step.kind]
        call = f"asyncio.get_running_loop().{call}line_{number})"
        if step.caller is None:
            line.code.add(call)
        else:
            with line.code.nested(f"with called_by({step.caller!r}):"):
                line.code.add(call)
        line.code.add(f"await ran_{number}")

    # Shared places.
    def _place(self, line: Line, name: str) -> tuple[Place, str, str] | None:
        """The place, how to put and how to take; None where this line can't."""
        if line.loop is not None and name == "queue":
            take = "get_nowait()" if line.atomic and not line.generator else "get()"
            wait = "await " if take == "get()" else ""
            return (
                line.loop.place,
                f"queue_{line.loop.number}.put_nowait({{}})",
                f"{wait}queue_{line.loop.number}.{take}",
            )
        if line.loop is not None and name == "box":
            return None
        return {
            "queue": (self.places["queue"], "queue.put({})", "queue.get()"),
            "simple": (self.places["simple"], "simple.put({})", "simple.get()"),
            "pipe": (self.places["pipe"], "world.pipe[1].send({})", "world.pipe[0].recv()"),
            "box": (self.places["box"], "put_box({})", ""),
            "things": (self.places["things"], "things.append({})", "things.pop(0)"),
        }[name]

    def _put(self, line: Line, step: Put) -> Walker:
        where = self._place(line, step.place)
        if where is None:
            return
        place, put, _ = where
        item = Item(line.flow.whose, seen=step.place in ("queue", "simple"))
        line.code.add(put.format(repr(f"{item.whose.caller or NOBODY}'s {self._number()}")))
        if place.waiting is not None and place.given is None:
            place.given = item
        else:
            place.items.append(item)
        yield from ()

    def _take(self, line: Line, step: Take) -> Walker:
        where = self._place(line, step.place)
        if where is None or step.place == "things":
            return
        place, _, take = where
        if place.waiting is not None or (step.place == "box" and place.items):
            return  # What is there already is taken without a wait, which nobody sees.
        asks_loop = line.is_async and step.place == "queue"
        if line.is_async and not asks_loop and not place.items:
            return
        if not place.items:
            place.waiting = None if line.atomic else line
            said = yield from self._blocking(line, False, lambda: place.given is not None)
            place.waiting, item = None, place.given
            place.given = None
            if said is None or item is None:
                return
        else:
            said, item = ("", ""), place.items.popleft()
        before, after = said
        if step.place == "box":
            with line.code.nested("with condition:"):
                if before:
                    line.code.add(before)
                with line.code.nested("while not box:"):
                    line.code.add("condition.wait()")
                line.code.add("box.pop(0)")
        else:
            if before:
                line.code.add(before)
            line.code.add(take)
        if after:
            line.code.add(after)
        line.flow.take(item)

    def _signal(self, line: Line, step: Signal) -> Walker:
        if line.loop is not None:
            line.loop.is_set = True
            line.code.add(f"event_{line.loop.number}.set()")
        else:
            self.is_set = True
            line.code.add("event.set()")
        yield from ()

    def _set(self, line: Line) -> bool:
        return line.loop.is_set if line.loop is not None else self.is_set

    def _await(self, line: Line, step: Await) -> Walker:
        said = yield from self._blocking(line, self._set(line), lambda: self._set(line))
        if said is not None:
            self._write_wait(line, said)

    @staticmethod
    def _write_wait(line: Line, said: tuple[str, str]) -> None:
        before, after = said
        if before:
            line.code.add(before)
        line.code.add(f"await event_{line.loop.number}.wait()" if line.loop is not None else "event.wait()")
        if after:
            line.code.add(after)

    def _polling(self, line: Line, step: Polling) -> Walker:
        if line.generator or line.flow.base.polling:
            return  # Of loops in loops nobody can say whose what is after one of them.
        said: tuple[str, str] | None = ("", "")
        if step.kind == "event":
            said = yield from self._blocking(line, self._set(line), lambda: self._set(line))
            if said is None:
                return
        base, things = line.flow.base, self.places["things"]
        told, before = line.flow.is_told, line.flow.base.taken
        with line.code.nested(f"while again({self._number()}):"):
            if step.kind == "event":
                self._write_wait(line, said)
            else:
                line.code.add(f"{line.call}{'asyncio' if line.is_async else 'time'}.sleep(0)")
            if not told:
                base.taken = replace(base.whose, doubt=base.whose.doubt or contract.SHARED, run=None)
            taken, base.polling = None, True
            if things.items:
                taken = things.items.popleft().whose
                line.code.add("things.pop(0)")
                if not told:
                    base.taken = Whose(taken.caller, contract.SHARED) if taken.caller is not None else Whose()
            yield from self._body(line, step.body)
        base.polling = False
        if not told and not (step.after and taken is not None):
            now = before or base.inherited
            base.taken = replace(now, doubt=now.doubt or contract.AFTER_LOOP)

    # Generators.
    def _make(self, line: Line, step: Make) -> Walker:
        if step.kind == "stream" and line.flow.whose.doubt:
            return  # Whose the call is then, or who makes its first step: two answers, of which neither is the better one.
        number = self._number()
        loop = None if step.kind == "sync" or (line.atomic and not line.generator) else line.loop
        if line.generator and loop is not None:
            loop = None
        made = Line(
            Flow(),
            Code(f"{'async def' if loop else 'def'} gen_{number}():"),
            loop,
            atomic=True,
            generator=True,
            begun=True,
        )
        made.number = number
        made.asked = line.flow.whose if step.kind == "stream" else None
        if step.kind == "decorated":
            made.code.lines.insert(0, f"@called_by({step.caller!r})")
        made.walker = self._steps_of(made, step)
        self.codes.insert(0, made.code)
        self.generators.append(made)
        call = f"gen_{number}()"
        if step.kind == "stream":
            call = f"work({step.session!r}).{'astream' if loop else 'stream'}(gen_{number})"
        line.code.add(f"gens[{number}] = {call}")
        yield from ()

    def _steps_of(self, made: Line, step: Make) -> Walker:
        try:
            if step.kind == "decorated":
                with self._told(made, self._by(made, step.caller)):
                    yield from self._body(made, step.body)
            elif step.kind == "stream":
                run, whose, first = self._open_run_as(made, step)
                with self._told(made, whose):
                    try:
                        yield from self._body(made, step.body)
                    finally:
                        self._finish(run, first)
            else:
                yield from self._body(made, step.body)
        finally:
            made.done = True
            made.code.add("if False:")
            made.code.add("    yield")

    def _open_run_as(self, made: Line, step: Make) -> tuple[Run, Whose, bool]:
        asked = made.asked
        if asked is None or asked.caller is None or asked.caller == made.flow.whose.caller:
            return self._open_run(made, step)
        made.flow.stack.append(asked)
        try:
            return self._open_run(made, step)
        finally:
            made.flow.stack.pop()

    def _usable(self, line: Line, which: int, sync_only: bool = False) -> Line | None:
        usable = [
            each
            for each in self.generators
            if not each.active
            and (each.loop is None or (each.loop is line.loop and not sync_only and not line.generator))
        ]
        if line.atomic and not line.generator:
            usable = [each for each in usable if each.loop is None]
        return usable[which % len(usable)] if usable else None

    def _advance(self, line: Line, step: Advance) -> Walker:
        generator = self._usable(line, step.which)
        if generator is None:
            return
        assert generator.walker is not None
        self._drive(line, generator, lambda: next(generator.walker, None))
        line.code.add(
            f"await anext(gens[{generator.number}], None)"
            if generator.loop
            else f"next(gens[{generator.number}], None)"
        )
        yield from ()

    def _drive(self, line: Line, generator: Line, action: Callable[[], Any]) -> None:
        generator.active, generator.flow.driver = True, line.flow
        try:
            action()
        finally:
            generator.active, generator.flow.driver = False, None
        if generator.done and generator in self.generators:
            self.generators.remove(generator)

    def _shut(self, line: Line, generator: Line) -> Walker:
        assert generator.walker is not None
        self._drive(line, generator, generator.walker.close)  # type: ignore[attr-defined]
        if generator in self.generators:
            self.generators.remove(generator)
        if not generator.done:
            generator.code.add("if False:")
            generator.code.add("    yield")
        line.code.add(
            f"await gens[{generator.number}].aclose()" if generator.loop else f"gens[{generator.number}].close()"
        )
        yield from ()

    def _close(self, line: Line, step: Close) -> Walker:
        generator = self._usable(line, step.which)
        if generator is not None:
            yield from self._shut(line, generator)

    def _drop(self, line: Line, step: Drop | Line) -> Walker:
        generator = step if isinstance(step, Line) else self._usable(line, step.which, sync_only=True)
        if generator is None:
            return
        generator.collected = True
        yield from self._shut(line, generator)
        line.code.lines[-1] = "    " * line.code.depth + f"drop({generator.number})"

    def _finally(self, line: Line, step: Finally) -> Walker:
        line.code.add("try:")
        line.code.depth += 1
        before = len(line.code.lines)
        try:
            yield from self._body(line, step.body)
        finally:
            if len(line.code.lines) == before:
                line.code.add("pass")
            line.code.depth -= 1
            line.code.add("finally:")
            line.code.depth += 1
            if line.collected and not line.flow.stack:
                line.code.add("pass")  # Whose the work of a collector is, nobody can say.
            else:
                for _ in self._mark(line, Mark()):
                    pass
            line.code.depth -= 1

    def _collect(self, line: Line, step: Collect) -> Walker:
        line.code.add("collect()")
        yield from ()
