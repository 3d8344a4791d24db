"""The queries that are not finished: which connection, result or relation has their rows, and which of them a call can belong to.

DuckDB gives rows while it makes them, and its own threads go on after a fetch has returned. A query is over when its rows were fetched, when its
connection has run another one, when that was closed, or when it is gone. No lock: Python may run a finalizer, and so any of this, at any time;
what several threads change is changed by single operations of lists and dictionaries.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context

from rvbbit_otel.attribution.propagation import caller_id_of
from rvbbit_otel.attribution.work import begin_afresh, go_on
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.state import statements
from rvbbit_otel.instrumentation.state.databases import FIRST_SWEEP, Database

_ticks: Final = itertools.count()


class Slot:
    """One query: its context, and how far it is."""

    __slots__ = (
        "_calls",
        "_calls_any",
        "_leaves_nothing",
        "began",
        "context",
        "database",
        "dying",
        "ended",
        "holders",
        "over",
        "reader",
        "returned",
        "text",
    )

    def __init__(self, database: Database, context: Context, text: str | None) -> None:
        self.database = database
        self.context = context
        self.text = text
        self.began = next(_ticks)
        self.ended = -1
        self.returned = False
        self.over = False
        self.holders: list[Holder] = []
        # Gives the reader that its rows were handed out with, as long as that is there: any thread may read it, and we don't see it.
        self.reader: Callable[[], object] | None = None
        self.dying: Place | None = None
        self._calls: dict[str, bool] = {}
        self._calls_any: bool | None = None
        self._leaves_nothing: bool | None = None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Itself, as the thread that executes it sees it."""
        return (self,)

    def can_call(self, function: str | None) -> bool:
        """Return whether a call of the function may come from this query. Functions made after the query began don't
        matter, so the answer never changes.
        """
        if function is None or self.text is None:
            return True
        known = self._calls.get(function)
        if known is None:
            known = statements.names_it(self.text, function) or self.database.hides(function)
            self._calls[function] = known
        return known

    def calls_any(self) -> bool:
        """Return whether the query can call any function at all, while its rows are fetched one by one."""
        if self._calls_any is None:
            functions = list(self.database.functions)
            self._calls_any = self.database.unread or any(self.can_call(function) for function in functions)
        return self._calls_any

    def is_read(self) -> bool:
        """Return whether a reader of the query's rows exists."""
        return self.reader is not None and self.reader() is not None

    def has_no_more(self) -> bool:
        """Return whether nothing of the query can still run, though its rows were not fetched."""
        if not self.returned or self.reader is not None or self.text is None:
            return False
        if self._leaves_nothing is None:
            self._leaves_nothing = statements.leaves_nothing(self.text, self.database.macros)
        return self._leaves_nothing


class Fetch:
    """Rows are fetched by this thread: of one query, or of one of several where threads share a connection."""

    __slots__ = ("context", "database", "holder", "slots", "whole")

    def __init__(self, holder: Holder, whole: bool) -> None:
        self.holder = holder
        self.whole = whole
        self.slots: list[Slot] = []
        # None, both, where it may be anybody's: then a call is to look closer.
        self.database: Database | None = None
        self.context: Context | None = None

    def add(self, slot: Slot) -> None:
        """The rows may be of this query."""
        if slot not in self.slots:
            self.slots.append(slot)
            self._settle()

    def leave_out(self, slot: Slot) -> None:
        """They are not, since it failed."""
        if slot in self.slots and len(self.slots) > 1:
            self.slots.remove(slot)
            self._settle()

    def _settle(self) -> None:
        (first, *others) = list(self.slots)
        if others and len({caller_of_query(each.context) for each in (first, *others)}) > 1:
            self.database = self.context = None
        else:
            self.database, self.context = first.database, first.context


def caller_of_query(context: Context) -> str | None:
    """Return the caller of a query. The query was handed to the database, so its caller stays, even if the flow that
    asked has cleared it.
    """
    frames = execution.here.frames
    frames.append(object())
    fresh = begin_afresh()
    try:
        return caller_id_of(context)
    finally:
        go_on(fresh)
        frames.pop()


class Holder:
    """A connection, a result or a relation: what gives a query's rows."""

    __slots__ = ("current", "database", "fetching", "reference", "starting")

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reference: weakref.ref[Any] | None = None
        # The query whose rows it has. Several where threads execute on it at once, since nobody sees which came last.
        self.current: list[Slot] = []
        self.starting: list[Slot] = []
        self.fetching: list[Fetch] = []


class Place:
    """Where a thread stands: its frame and instruction. DuckDB waits there for its threads to leave a dropped query,
    after Python's weak references were told.
    """

    __slots__ = ("frame", "instruction", "thread")

    def __init__(self) -> None:
        """Here: the frame that dropped it calls us."""
        self.thread = threading.get_ident()
        frame = sys._getframe(0)
        while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
            frame = frame.f_back
        # Not the frame itself, which would keep the host's objects. Where another one has its address, we only wait longer.
        self.frame, self.instruction = id(frame), frame.f_lasti

    def is_left(self) -> bool:
        """Return whether the thread has gone on."""
        frame = sys._current_frames().get(self.thread)
        while frame is not None:
            if id(frame) == self.frame:
                return frame.f_lasti != self.instruction
            frame = frame.f_back
        return True


class Ledger:
    """All holders and all queries that are not over."""

    def __init__(self) -> None:
        self._holders: dict[int, Holder] = {}
        # Queries whose rows were handed out with a reader. Quiet: no such reader is there, so a thread runs nothing but what it asked for itself.
        self._handed: dict[Slot, None] = {}
        self.quiet = True

    def holder_of(self, thing: object) -> Holder | None:
        """Return the entry of a connection, a result or a relation."""
        holder = self._holders.get(id(thing))
        if holder is None or holder.reference is None or holder.reference() is not thing:
            return None
        return holder

    def hold(self, thing: Any, database: Database, owns: bool = True) -> Holder:
        """Know it from now on. `owns`: its queries end with it; a result's end with its connection."""
        holder = Holder(database)
        key = id(thing)

        def gone(reference: weakref.ref[Any]) -> None:
            try:
                if self._holders.get(key) is holder:
                    del self._holders[key]
                holder.reference = None
                if owns:
                    for slot in [*holder.current, *holder.starting]:
                        if not slot.is_read():
                            slot.dying = Place()
            except Exception as error:  # noqa: BLE001 - Python calls this
                failed("ledger.gone", error)

        holder.reference = weakref.ref(thing, gone)
        self._holders[key] = holder
        return holder

    def gives(self, result: Any, slot: Slot) -> None:
        """A result has the rows of a query, and its connection has not."""
        holder = self.hold(result, slot.database, owns=False)
        slot.holders.append(holder)
        holder.current.append(slot)

    def begins(self, holder: Holder | None, slot: Slot) -> None:
        """It is being executed; `holder` is to have its rows."""
        database = slot.database
        database.open[slot] = None
        if holder is not None:
            holder.starting.append(slot)
            for fetch in list(holder.fetching):
                fetch.add(slot)
        if len(database.open) > database.sweep_at:
            left = [each for each in _copied(database.open) if self._is_open(each)]
            database.sweep_at = max(FIRST_SWEEP, 2 * len(left))

    def ran_whole(self, holder: Holder | None, slot: Slot) -> None:
        """It was executed to its end, or raised. What the holder had may still be there: DuckDB 2 keeps it where a text can't be parsed."""
        self.ends(slot)
        if holder is not None:
            holder.starting.remove(slot)
            for fetch in list(holder.fetching):
                fetch.leave_out(slot)

    def ran(self, holder: Holder, slot: Slot) -> None:
        """It was executed; its rows may be made while they are fetched. What the holder had before is gone."""
        slot.returned = True
        slot.ended = next(_ticks)
        slot.holders.append(holder)
        holder.current.append(slot)
        for before in list(holder.current):
            # Executed at once, by several threads, any may be the last one.
            if before is not slot and before.ended < slot.began:
                self.ends(before)
        holder.starting.remove(slot)

    def fetches(self, holder: Holder, whole: bool) -> Fetch | None:
        """Rows of what the holder has are being fetched; None where nothing is left that could run, or nothing that we could see."""
        if len(holder.current) == 1 and not holder.starting and not holder.current[0].calls_any():
            return None
        fetch = Fetch(holder, whole)
        holder.fetching.append(fetch)
        for slot in [*holder.current, *holder.starting]:
            fetch.add(slot)
        if not fetch.slots:
            holder.fetching.remove(fetch)
            return None
        return fetch

    def fetched(self, fetch: Fetch, over: bool) -> None:
        """They were. `over`: there are no more."""
        fetch.holder.fetching.remove(fetch)
        if over and len(fetch.slots) == 1:
            self.ends(fetch.slots[0])

    def hands_out(self, slot: Slot, reader: object) -> None:
        """Its rows are read by a reader, on whichever thread."""
        if slot.over:
            return

        def dropped(reference: weakref.ref[Any]) -> None:
            try:
                self._unread(slot)
            except Exception as error:  # noqa: BLE001 - Python calls this
                failed("ledger.gone", error)

        try:
            slot.reader = weakref.ref(reader, dropped)
        except TypeError:
            slot.reader = _gone  # What C code reads tells nobody when it is dropped.
        self._handed[slot] = None
        self._listen()

    def ends(self, slot: Slot) -> None:
        """Nothing of it runs any more."""
        slot.over = True
        slot.database.open.pop(slot, None)
        if self._handed.pop(slot, slot) is None:
            self._listen()
        for holder in list(slot.holders):
            try:
                holder.current.remove(slot)
            except ValueError:
                continue  # Another thread saw it too.

    def open_in(self, databases: list[Database], function: str | None) -> list[Slot]:
        """The queries that can call the function."""
        return [
            slot
            for database in databases
            for slot in _copied(database.open)
            if slot.can_call(function) and self._is_open(slot)
        ]

    def handed_in(self, database: Database, function: str | None) -> list[Slot]:
        """Those of them that a reader reads, on a thread that nothing is known of."""
        return [
            slot
            for slot in _copied(self._handed)
            if database.may_be(slot.database) and slot.can_call(function) and self._is_open(slot)
        ]

    def read_in(self, database: Database, function: str | None) -> list[Slot]:
        """Those of which the reader is there, so that a statement may be reading it."""
        return [] if self.quiet else [slot for slot in self.handed_in(database, function) if slot.is_read()]

    def _is_open(self, slot: Slot) -> bool:
        if slot.dying is not None and slot.dying.is_left():
            self.ends(slot)
            return False
        if slot.has_no_more():
            # Its connection keeps it: rows that are fetched are still its own.
            slot.database.open.pop(slot, None)
            return False
        return True

    def _unread(self, slot: Slot) -> None:
        if all(holder.reference is None for holder in slot.holders):
            slot.dying = Place()
        self._listen()

    def _listen(self) -> None:
        self.quiet = not any(slot.is_read() for slot in _copied(self._handed))


def _gone() -> None:
    return None


def _copied(slots: dict[Slot, None]) -> list[Slot]:
    while True:
        try:
            return list(slots)
        except RuntimeError:  # Another thread changed it.
            continue
