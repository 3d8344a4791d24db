"""Pieces of work: whose each is, in which line of execution it began, and for how long a context may speak for it.

OpenTelemetry's context is copied into whatever a program starts and stays there, so what a context says is no knowledge by itself. It holds a `Work`,
which is asked whether it still holds *for whoever asks now*: a block that was left, a generator that is suspended, a worker that has taken up other
work since, all hold a context that speaks for nobody any more. It is one module, and long, since a work, what was taken up in its place and the
blocks of generators are one answer: each asks the others.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import ClassVar, Final

from opentelemetry.context import Context, create_key

from rvbbit_otel.attributes import (
    CALLER_CANDIDATE,
    CALLER_CONFLICT,
    CALLER_ID,
    CALLER_ORIGIN,
    CALLER_SOURCE,
    SESSION_ID,
)
from rvbbit_otel.attribution import lines
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.garbage_collection import collecting

WORK_KEY: Final = create_key("rvbbit-work")
# Jobs that hand over the next are known up to here; of longer chains the last only, or a task that starts the next one would keep them all for ever.
_LONG: Final = 64


@dataclass(frozen=True, slots=True)
class Taken:
    """This line of execution took up other work than `work`, which it had inherited.

    `frame`: the identity of the frame in whose loop it waits for more; None: from here on, wherever it is. `code`: what that frame runs, since the
    identity of one that has returned is the next one's.
    """

    work: Work
    frame: int | None
    code: CodeType | None
    line: lines.Line

    @property
    def holds(self) -> bool:
        """Return whether the line of execution is still within that wait: a library's loop that has returned was
        waiting for its own answer.

        A callback that was made in the loop is another line, with a copy of this, and is of what was taken up there.
        """
        return self.frame is None or _is_on_stack(self.frame, self.code) or not self.line.here


# Context variables belong to a line of execution and are copied into those that it starts, which is just what is true of this.
_taken: Final[ContextVar[Taken | None]] = ContextVar("rvbbit_taken", default=None)
# Work of blocks inside generators, by the identity of the generator's frame, which says whether it runs or is suspended.
_in_generators: Final[dict[int, list[Work]]] = {}
# Work of generators whose steps we drive, by the same: asked only while the collector runs, which closes them without us.
_read_in_steps: Final[dict[int, Work]] = {}
_when_first: list[Callable[[], None]] = []


class Work:
    """A piece of work: a block, a query, a call, a run, or a job that one of these handed over.

    caller: whose it is, None for nobody. echo: the run that it is, or that it belongs to. base: the work that it began within. inherited: it was
    handed over and runs in a line of execution of its own. code: what the job runs, to tell a timer that sets itself again.
    conflict: whose the run around it is, where it is another's. span: the one that was
    current when it was handed over. waited: it has slept, or waited for an event. left: the run that it was
    part of before other work was taken up. in_block: its session is a block of the application's, and no run of a runner's.
    """

    # Seconds for which work that was only inherited is still believed after the block, call or session that it came from has ended: those of an
    # ended session, `Settings.session_ttl`.
    believed: ClassVar = 900.0
    __slots__ = (
        "_elsewhere",
        "_jobs",
        "_lapsed",
        "_line",
        "_stamps",
        "base",
        "caller",
        "candidate",
        "code",
        "conflict",
        "echo",
        "ended",
        "ended_at",
        "frame",
        "in_block",
        "inherited",
        "left",
        "revoked",
        "root",
        "session_id",
        "span",
        "waited",
    )

    def __init__(
        self,
        caller: Caller | None,
        base: Work | None = None,
        *,
        session_id: SessionId | None = None,
        echo: Echo | None = None,
        root: Work | None = None,
        inherited: bool = False,
        candidate: str | None = None,
        line: lines.Line | None = None,
    ) -> None:
        """`root`: what it was handed over from, in the end; without one it begins here. `line`: another one than this that it begins in."""
        self.caller = caller
        self.base = base
        self.session_id = session_id
        self.echo = echo
        self.root = root or self
        self.inherited = inherited
        self.code: CodeType | None = None
        self.candidate = candidate
        self.conflict: str | None = None
        self.span: object = None
        self.left: Echo | None = None
        self.in_block = False
        self.waited = False
        self.frame: int | None = None
        self.ended = False
        self.ended_at = math.inf
        self.revoked = False
        self._line = line or lines.Line()
        self._jobs = 0  # That were handed over one from the other up to this.
        self._elsewhere = False  # `base` is in the line that handed it over.
        self._lapsed: Work | None = None
        self._stamps: dict[bool, dict[str, str]] = {}

    @property
    def here(self) -> bool:
        """True if the current line of execution is the one that the work began in."""
        return self._line.here

    @property
    def runs_here(self) -> bool:
        """True if the work was begun by this line of execution, or by a generator that runs in it."""
        return self._line.here if self.frame is None else _is_on_stack(self.frame)

    @property
    def holds(self) -> bool:
        """True if a context with this work speaks for it, for the code that asks now."""
        taken = _taken.get()
        if taken is not None and taken.work is self and taken.holds:
            return False
        if self.frame is not None and not _is_on_stack(self.frame):
            return False
        if self.ended:
            return not (self.revoked or self._line.here or self._is_stale(self.ended_at))
        root = self.root
        return not root.ended or root is self or not self._is_stale(root.ended_at)

    @property
    def weak(self) -> bool:
        """True if the caller is only known by inheritance, from work that has ended since."""
        return self.root.ended

    @property
    def after(self) -> Work | None:
        """The work that a context stands for after this one no longer holds."""
        if self._outlived:
            return self.base
        if self._lapsed is None:
            candidate = self.caller.id if self.caller is not None else self.candidate
            self._lapsed = Work(None, candidate=candidate)
            self._lapsed.left = self.echo
        return self._lapsed

    @property
    def _outlived(self) -> bool:
        """True if the work is over for the line of execution that it began in, because the work around it is current
        again.
        """
        taken = _taken.get()
        if self.revoked or (taken is not None and taken.work is self):
            return False  # Another line ended it: whose this one works for now, it has not said.
        return (self.ended or self.frame is not None) and self._line.here

    @property
    def stamp(self) -> dict[str, str]:
        """Return the attributes for a span of this work, without those of its session; receivers must not change
        them.
        """
        weak = self.root.ended
        stamp = self._stamps.get(weak)
        if stamp is None:
            stamp = self._stamps[weak] = self._stamp("inherited" if weak else "baggage")
        return stamp

    def _stamp(self, source: str) -> dict[str, str]:
        stamp: dict[str, str] = {} if self.session_id is None else {SESSION_ID: self.session_id}
        if self.caller is None:
            stamp[CALLER_SOURCE] = "none"
            if self.candidate is not None:
                stamp[CALLER_CANDIDATE] = self.candidate
            return stamp
        stamp[CALLER_ID] = self.caller.id
        stamp[CALLER_SOURCE] = source
        if self.caller.origin != "unknown":
            stamp[CALLER_ORIGIN] = self.caller.origin
        if self.conflict is not None:
            stamp[CALLER_CONFLICT] = self.conflict
        return stamp

    def is_of(self, caller: Caller | None) -> bool:
        """Return whether the work belongs to this caller; false for nobody's work."""
        return caller is not None and self.caller is not None and self.caller.id == caller.id

    def is_within(self, other: Work) -> bool:
        """Return whether the work began inside the other, or is the other."""
        work: Work | None = self
        while work is not None:
            if work is other:
                return True
            work = None if work._elsewhere else work.base
        return False

    def job(self, code: CodeType | None = None) -> Work:
        """The same work, handed over to another line of execution."""
        job = self._same(lines.NOWHERE)
        job.inherited = job._elsewhere = True
        job.code = code
        job._jobs = self._jobs + 1
        if job._jobs > _LONG:
            job.base = self.base
        return job

    def ran(self, code: CodeType) -> bool:
        """Return whether the work is a job that ran this code, or was handed over in the course of such a job."""
        work: Work | None = self
        while work is not None and work.inherited:
            if work.code is code:
                return True
            work = work.base
        return False

    def go_on_here(self) -> Work:
        """The same work, which goes on in this line of execution while the one that began it waits for it."""
        return self._same(None)

    def _same(self, line: lines.Line | None) -> Work:
        same = Work(
            self.caller,
            self,
            session_id=self.session_id,
            echo=self.echo,
            root=self.root,
            candidate=self.candidate,
            line=line,
        )
        same.inherited = self.inherited
        same._jobs = self._jobs
        same.in_block = self.in_block
        same.conflict = self.conflict
        return same

    def bind(self, frame: FrameType) -> None:
        """It is a block in this generator: it holds while the generator runs, whoever drives it on whichever thread."""
        self.frame = id(frame)
        while _when_first:
            _when_first.pop()()
        _in_generators.setdefault(self.frame, []).append(self)

    def end(self) -> bool:
        """It is over; False if it was before."""
        if self.ended:
            return False
        self.ended_at = time.monotonic()
        self.revoked = self.frame is None and not self._line.here
        self.ended = True
        if self.frame is not None:
            blocks = _in_generators.get(self.frame, [])
            if self in blocks:
                blocks.remove(self)
            if not blocks:
                _in_generators.pop(self.frame, None)
        base = self.base
        while base is not None and base.ended and not base.inherited:
            base = (
                base.base
            )  # What has ended is not kept for what began within it: connections that overlap would chain for ever.
        self.base = base
        return True

    @staticmethod
    def _is_stale(ended_at: float) -> bool:
        return time.monotonic() - ended_at > Work.believed


def nobody(candidate: str | None = None) -> Work:
    """Work that is nobody's, whatever is around it."""
    return Work(None, candidate=candidate)


def say_whose_run_it_is_in(work: Work) -> None:
    """Work that names its caller inside a run of another's: it is whose it says, and every row of it says that another answer was there."""
    around = work.base
    if around is not None and around.echo is not None and around.caller is not None and work.caller is not None:
        work.conflict = around.caller.id if around.caller.id != work.caller.id else None


def work_of(context: Context) -> Work | None:
    """The work that this context speaks for, for whoever asks now; None if it says nothing. A Work without a caller says: nobody's."""
    work: Work | None = context.get(WORK_KEY)  # type: ignore[assignment]
    if _in_generators or (_read_in_steps and collecting()):
        work = said_in_generator(work) or work
    if work is None or (_taken.get() is None and work.frame is None and not work.ended and not work.root.ended):
        return work  # As `holds` says in the end: most that ask are answered here.
    while work is not None and not work.holds:
        work = work.after
    return work


def said_in_generator(work: Work | None) -> Work | None:
    """The block of a generator that runs here, inside of this work, and so goes before it; None if there is none."""
    inner = _running_block()
    return None if inner is None or (work is not None and work.is_within(inner)) else inner


def reads(frame: int, work: Work | None) -> None:
    """A generator, named by its frame's identity, is driven by us, as this work; None: no more."""
    if work is None:
        _read_in_steps.pop(frame, None)
    else:
        _read_in_steps[frame] = work


def within_blocks(work: Work) -> Work:
    """The same work, entered from inside of a generator's block, which it goes before until it is left."""
    inner = _running_block() if _in_generators else None
    if inner is None or work.is_within(inner):
        return work
    same = work.go_on_here()
    same.base = inner
    return same


def in_generators() -> bool:
    """Return whether any generator has an open block: then the stack says whose the work is, and the context need
    not.
    """
    return bool(_in_generators)


def when_first_in_generator(action: Callable[[], None] | None) -> None:
    """Do this once, when the first generator has a block; None: no more."""
    _when_first[:] = [] if action is None else [action]


def speaks(context: Context) -> bool:
    """Return whether this context, or the stack, may name a caller."""
    return bool(_in_generators) or context.get(WORK_KEY) is not None


def believe_inherited_for(seconds: float) -> None:
    """For how long work that was only inherited is believed after what it came from has ended."""
    Work.believed = seconds


def let_go(work: Work, frame: FrameType | None = None) -> None:
    """This line of execution takes up other work than what it inherited, for good or while it is in a loop of this frame: see `Taken`."""
    # Not the frame itself, which would keep what is in it.
    identity, code = (None, None) if frame is None else (id(frame), frame.f_code)
    _taken.set(Taken(work, identity, code, lines.Line()))


def hold_on(work: Work) -> None:
    """What it has taken up is that very work's again."""
    taken = _taken.get()
    if taken is not None and taken.work is work:
        _taken.set(None)


def begin_afresh() -> Token[Taken | None]:
    """A job begins on a thread that has done others; give what it returns to `go_on`."""
    return _taken.set(None)


def go_on(token: Token[Taken | None]) -> None:
    """The job is over."""
    try:
        _taken.reset(token)
    except (ValueError, RuntimeError):
        return


def _is_on_stack(identity: int, code: CodeType | None = None) -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if id(frame) == identity and code in (None, frame.f_code):
            return True
        frame = frame.f_back
    return False


def _running_block() -> Work | None:
    """The innermost block of a generator that runs on this very stack."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        for block in reversed(_in_generators.get(id(frame), ())):
            if not block.ended:  # One whose end failed is still here, and this may be another frame by now.
                return block
        read = _read_in_steps.get(id(frame))
        if read is not None and not read.ended:
            return read
        frame = frame.f_back
    return None
