"""A program: a tree of steps, and the choices by which its lines of execution take turns. Plain data, so that it shrinks and prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CALLERS = ("user-1", "user-2", "user-3")
# Breaks the format of a caller id.
BAD = "user@1"
SESSIONS = ("session-1", "session-2", "session-3")
NOBODY = "nobody"


class Step:
    """Something that a line of execution does."""


Body = tuple[Step, ...]


@dataclass(frozen=True)
class Mark(Step):
    """A span, named after whose it is. how: plain; row (it names a session), late (it names one after its start), explicit, late_explicit."""

    how: str = "plain"
    caller: str = CALLERS[0]
    session: str = SESSIONS[0]
    filled: bool = False  # other attributes follow, which the SDK's limits may keep in place of ours


@dataclass(frozen=True)
class Block(Step):
    """`with called_by(caller)`, or the decorator."""

    caller: str
    body: Body
    decorator: bool = False


@dataclass(frozen=True)
class Cascade(Step):
    """A run of a session, of the caller that is named, else of whoever is around, else of its parent's."""

    session: str
    body: Body
    caller: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class Handle(Step):
    """A call that the runner says is this caller's as a whole."""

    caller: str
    body: Body


@dataclass(frozen=True)
class Login(Step):
    """The runner sets a caller, and clears it."""

    caller: str
    body: Body
    connection: str | None = None


@dataclass(frozen=True)
class Open(Step):
    """A session is opened, and no cascade runs in it yet."""

    session: str
    caller: str | None = None


@dataclass(frozen=True)
class End(Step):
    """The runner says that a session has ended."""

    session: str


@dataclass(frozen=True)
class Start(Step):
    """A line of execution of its own: thread, subclass, timer, job, pool_job; in an event loop task, executor."""

    kind: str
    body: Body


@dataclass(frozen=True)
class OnDone(Step):
    """A callback for when a job of the pool, started before, is done."""

    job: int
    body: Body


@dataclass(frozen=True)
class Loop(Step):
    """asyncio.run."""

    body: Body


@dataclass(frozen=True)
class Callback(Step):
    """A callback of the event loop: soon, later, threadsafe; `caller`: from a block that has ended when it runs."""

    kind: str
    body: Body
    caller: str | None = None


@dataclass(frozen=True)
class Put(Step):
    """An item, named after whose it is, is put into a shared place: queue, simple, pipe, box (a list under a condition)."""

    place: str


@dataclass(frozen=True)
class Take(Step):
    """An item is taken from there; what the line does from then on is that item's work."""

    place: str


@dataclass(frozen=True)
class Signal(Step):
    """The event is set."""


@dataclass(frozen=True)
class Await(Step):
    """It waits for the event, once."""


@dataclass(frozen=True)
class Polling(Step):
    """A `while` loop that waits (sleep or event), takes an item from a plain list if there is one, and works."""

    kind: str
    body: Body
    after: bool = False  # it works on what it took after the loop


@dataclass(frozen=True)
class Make(Step):
    """A generator: plain, decorated (by `caller`), stream (of a session's cascade)."""

    kind: str
    body: Body
    caller: str = CALLERS[0]
    session: str = SESSIONS[0]


@dataclass(frozen=True)
class Yield(Step):
    """The generator gives an item; anywhere else it means nothing."""


@dataclass(frozen=True)
class Finally(Step):
    """`try: body finally:` a span."""

    body: Body


@dataclass(frozen=True)
class Advance(Step):
    """The next step of a generator that was made before."""

    which: int


@dataclass(frozen=True)
class Close(Step):
    """It is closed."""

    which: int


@dataclass(frozen=True)
class Drop(Step):
    """Nobody holds it any more, and the garbage collector finds it."""

    which: int


@dataclass(frozen=True)
class Collect(Step):
    """A garbage collection."""


@dataclass(frozen=True)
class Query(Step):
    """A query whose only row a UDF makes, a span; `left`: it is not fetched yet."""

    connection: int
    left: bool = False


@dataclass(frozen=True)
class Fetch(Step):
    """What is left on that connection is fetched, by whoever comes to it."""

    connection: int


@dataclass(frozen=True)
class Fork(Step):
    """A process for one job (fork), or a command (shell), which says by its environment whom it works for."""

    kind: str = "shell"


@dataclass(frozen=True)
class Program:
    """limits: none, count or length, of the SDK. evicts: the registry holds two sessions. choices: which line goes next, at each step."""

    body: Body
    choices: tuple[int, ...] = ()
    limits: str = "none"
    evicts: bool = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass
class Expected:
    """What a span may be stamped with."""

    allowed: frozenset[str | None]
    reason: str = ""  # of a `none` that is allowed beside the caller; empty where the caller must be there
    sources: frozenset[str] = frozenset()  # where they are known; of a stamp with a caller

    def __str__(self) -> str:
        names = " or ".join(sorted(str(each) for each in self.allowed))
        return f"{names} ({self.reason})" if self.reason else names


@dataclass
class Written:
    """A program as Python, and what is expected of its spans by their numbers."""

    source: str
    expected: dict[int, Expected] = field(default_factory=dict)
    program: Any = None
