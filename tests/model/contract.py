"""The contract: whose a piece of work is, and whether that can be known. Nothing here knows how the product finds out.

`Flow` is a line of execution, or a generator that others drive. What it runs in is a stack of `Whose`: at the bottom what it inherited, above that
what was said in it: blocks, runs of sessions, callers that the runner set.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.model.programs import BAD, Expected

# Why `none` is as good as the caller: each names something that nobody can see from where the product stands.
SHARED = "took from a shared place"
AFTER_LOOP = "a loop in which it waited is over"
OTHER_SESSION = "took an item that its caller put for another session"
OWN_UNSEEN = "took its own caller's item, from a place that does not show whose its items are"
FORGOTTEN = "the session may be forgotten"
CLAIMED = "the session was claimed later"
TWO_RUNS = "the session that it names has begun anew since it began in it, and took other work"
LATE = "the session was named after the start"
RECONNECTED = "another client uses its connection id"
CUT = "set after the start, and cut by the SDK"
EVICTED = "set after the start, and evicted by the SDK"


@dataclass(eq=False)
class Scope:
    """A block, or whatever else has an end: what was inherited from it is weak once it is over."""

    over: bool = False
    shared: bool = False  # another client with the same connection id, and for the same caller, may end it


@dataclass(eq=False)
class Run:
    """One run of a session."""

    session: str
    caller: str | None
    doubt: str = ""
    bad: bool = False  # the runner named a caller that can't be one
    running: int = 0  # cascades in it
    ended: bool = False
    others: frozenset[str | None] = frozenset()  # who else may be taken for its caller, where that is in doubt

    @property
    def whose(self) -> Whose:
        """Whose its work is."""
        return Whose(self.caller, self.doubt, run=self, others=self.others)


@dataclass(frozen=True)
class Whose:
    """caller: the truth. doubt: why the product may not know it; empty where it must. others: who else may be written, by two right rules."""

    caller: str | None = None
    doubt: str = ""
    scope: Scope | None = None
    run: Run | None = None
    handed_over: bool = False
    others: frozenset[str | None] = frozenset()

    @property
    def weak(self) -> bool:
        return self.scope is not None and self.scope.over

    def expected(self) -> Expected:
        if self.caller is None:
            return Expected(frozenset({None}))
        allowed: set[str | None] = {self.caller, *self.others}
        if self.doubt:
            allowed.add(None)
        sources: frozenset[str] = frozenset()
        if not self.doubt and self.run is None and self.scope is not None and not self.scope.shared:
            sources = frozenset({"inherited" if self.weak else "baggage"})
        return Expected(frozenset(allowed), self.doubt, sources)


@dataclass(frozen=True)
class Item:
    """Something in a shared place: whose it is, as the one who put it there knew."""

    whose: Whose
    seen: bool = True  # whether this kind of place lets us see whose its items are


@dataclass(eq=False)
class Flow:
    """A line of execution, or a generator. driver: of a generator, whichever flow drives it now."""

    inherited: Whose = field(default_factory=Whose)
    stack: list[Whose] = field(default_factory=list)
    taken: Whose | None = None
    driver: Flow | None = None
    polling: bool = False

    @property
    def whose(self) -> Whose:
        if self.stack:
            return self.stack[-1]
        if self.driver is not None:
            return self.driver.whose
        return self.taken or self.inherited

    @property
    def is_told(self) -> bool:
        """Whether it was said in here whose the work is, rather than inherited."""
        return bool(self.stack) or (self.driver is not None and self.driver.is_told)

    @property
    def base(self) -> Flow:
        return self.driver.base if self.driver is not None else self

    def hand_over(self) -> Flow:
        """Another line of execution, which belongs to whom this one works for now."""
        return Flow(replace(self.whose, handed_over=True))

    def take(self, item: Item) -> None:
        """It takes an item. Who was told keeps its caller; who only inherited one is the item's, which the product sees for its own caller only."""
        if self.is_told:
            return
        base, owner = self.base, item.whose
        own = base.inherited
        if owner.caller == own.caller and not own.doubt and own.caller is not None:
            if owner.run is own.run and not owner.doubt and item.seen:
                base.taken = None
            else:
                base.taken = replace(own, doubt=OTHER_SESSION if item.seen else OWN_UNSEEN)
        elif owner.caller is None:
            base.taken = Whose()
        else:
            base.taken = Whose(owner.caller, SHARED)


class Sessions:
    """What is known of sessions: of each id, its latest run."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.opened = 0
        self.latest: dict[str, Run] = {}

    @property
    def may_forget(self) -> bool:
        return self.opened > self.room

    def open(self, session: str, around: Whose, caller: str | None, parent: str | None, starts: bool) -> Run:
        own = around.run
        if starts and own is not None and own.session == session and own.running and not own.ended:
            return own  # A cascade that calls itself by another way in.
        known = self.latest.get(session)
        claimed = self._claim(session, around, caller, parent)
        if known is not None and not known.ended:
            outside = around.run is not known
            another = claimed.bad or (
                claimed.caller is not None and not claimed.doubt and claimed.caller != known.caller
            )
            if not (starts and known.running and outside and another):
                if starts or caller is not None:  # To look a session up claims nothing.
                    self._learn(known, claimed, explicit=caller is not None)
                if self.may_forget and not known.running:
                    known.doubt = FORGOTTEN
                return known
        elif known is not None and not starts and (claimed.caller in (None, known.caller) and not claimed.bad):
            return known
        self.opened += 1
        self.latest[session] = claimed
        return claimed

    def _claim(self, session: str, around: Whose, caller: str | None, parent: str | None) -> Run:
        if caller == BAD:
            return Run(session, None, bad=True)
        if caller is not None:
            return Run(session, caller)
        parents = self.latest.get(parent) if parent is not None else None
        if around.caller is None and parents is not None:
            return Run(session, parents.caller, FORGOTTEN if self.may_forget else parents.doubt)
        return Run(session, around.caller, around.doubt, others=around.others)

    def _learn(self, known: Run, claimed: Run, explicit: bool) -> None:
        if claimed.caller is None:
            return
        if known.caller is None or explicit:
            known.caller, known.doubt, known.others = claimed.caller, claimed.doubt, claimed.others
        elif known.doubt and claimed.caller != known.caller:
            known.others |= {claimed.caller}

    def row(self, session: str, around: Whose) -> Whose:
        """Whose a span is that names a session when it starts."""
        if around.run is not None and around.run.session == session:
            return around
        run = self.latest.get(session)
        if run is None:
            return around
        doubt = run.doubt or (FORGOTTEN if self.may_forget else "")
        if run.caller is None:
            return (
                Whose() if run.bad or around.caller is None else replace(around, doubt=doubt or "a session of nobody's")
            )
        whose = replace(run.whose, doubt=doubt)
        if run.doubt and around.caller not in (None, run.caller):
            # Where the session's caller is not known, its row is whose the work is that writes it.
            whose = replace(whose, others=whose.others | {around.caller})
        return whose
