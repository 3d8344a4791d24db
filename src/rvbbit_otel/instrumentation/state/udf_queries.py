"""Find the caller of a UDF call: that of the query that runs it.

DuckDB runs a UDF on the thread that asked or on one of its own, which has no context and serves several queries in turn. A function registered on
one connection can be called by every connection to the same database. So: the query that this very thread executes or fetches from; else, on a
thread of DuckDB's, the only caller among the unfinished queries that can call the function; else whoever this thread works for. Never a guess.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.propagation import (
    caller_id_of,
    caller_of,
    handed_over,
    session_of,
    with_caller,
    without_attribution,
)
from rvbbit_otel.attribution.work import WORK_KEY, begin_afresh, go_on, work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.emit.spans import Values, without_span
from rvbbit_otel.instrumentation.state.databases import Database, Reach
from rvbbit_otel.instrumentation.state.query_ledger import Fetch, Holder, Ledger, Slot

# The context that a call of the host runs in, None for the one it has, and what to do when it has returned or raised.
Call = tuple["Context | None", Callable[[Values, "BaseException | None"], None]]
_OURS: Final = "__rvbbit_udf__"


class Queries:
    """Connections, the databases that they share, and the queries that they run."""

    def __init__(self, counters: Counters, left_behind: Callable[[], None]) -> None:
        """`left_behind` ends a caller that a call set and kept."""
        self.on = True  # A function registered while instrumented outlives that.
        self._counters = counters
        self._left_behind = left_behind
        # One that its thread can take again: a finalizer may open a connection while we do.
        self._lock = threading.RLock()
        self._ledger = Ledger()
        self._by_name: weakref.WeakValueDictionary[str, Database] = weakref.WeakValueDictionary()
        self._unseen = Database(Reach.UNSEEN, unread=True)
        self._anywhere = Database(Reach.ANY, unread=True)
        self._default: Any = None

    def renew_locks(self) -> None:
        """In a forked child: another thread may have held them."""
        self._lock = threading.RLock()

    def connected(self, connection: Any, name: object, parent: Any, is_new: bool) -> None:
        """A connection was opened: to the database of that name, or to its parent's. `is_new`: there was no such file."""
        if parent is not None:
            self._ledger.hold(connection, self._holder_of(parent).database)
        elif (
            self._ledger.holder_of(connection) is None
        ):  # Asked for by its name, DuckDB returns the default connection again.
            self._ledger.hold(connection, self._database_of(name, is_new))

    def named(self, connection: Any, default: object) -> Any:
        """The connection that a call names, else what the function of that name, `module.function`, answers."""
        if connection is not None or not isinstance(default, str):
            return connection
        module, _, function = default.rpartition(".")
        # Kept: it stays in DuckDB when nobody has its Python object, and so must what we know of it.
        self._default = getattr(sys.modules[module], function)()
        return self._default

    def executes(self, connection: Any, text: object, whole: bool) -> Call | None:
        """A connection executes a statement, in this context. `whole`: to its end; else rows are made while they are fetched, from the connection
        or from the result that it returned."""
        holder = self._holder_of(connection)
        if self._is_known(holder.starting):
            return None
        slot = self._started(holder, holder.database, text)

        def finish(after: Values, error: BaseException | None) -> None:
            execution.here.running.remove(slot)
            if error is not None:
                self._ledger.ran_whole(holder, slot)
                return
            self._ledger.ran(holder, slot)
            if whole:
                self._ledger.ends(slot)
            elif after.get("result") is not None:
                self._ledger.gives(after["result"], slot)

        return None, finish

    def prepares(self, connection: Any, text: object) -> Call:
        """A connection runs what it needs for a relation, or a statement whose rows it does not keep."""
        database = self._holder_of(connection).database
        if isinstance(text, str):
            database.saw_relation(text)
        slot = self._started(None, database, text)

        def finish(after: Values, error: BaseException | None) -> None:
            execution.here.running.remove(slot)
            self._ledger.ran_whole(None, slot)
            if _is_lazy(relation := after.get("relation")):
                database.lazy = True
                self._ledger.hold(relation, database)

        return None, finish

    def fetches(self, thing: Any, whole: bool) -> Call | None:
        """Rows are fetched from a connection or a result: what makes them runs for whom the query runs. `whole`: until none are left."""
        holder = self._ledger.holder_of(thing)
        here = execution.here
        if holder is None or self._is_known([each for each in holder.fetching if each.whole == whole]):
            return None
        fetch = self._ledger.fetches(holder, whole)
        if fetch is None:
            return None
        here.running.append(fetch)
        # What runs in there is a piece of its query's work, and not of the flow that fetches.
        frame = object()
        here.frames.append(frame)

        def finish(after: Values, error: BaseException | None) -> None:
            here.frames.remove(frame)
            here.running.remove(fetch)
            self._ledger.fetched(fetch, over=error is None and self._is_over(fetch.slots, after, whole))

        current = get_current()
        context = _nobody(current) if fetch.context is None else fetch.context
        return (None if context is current else context), finish

    def runs(self, relation: Any, whole: bool) -> Call | None:
        """A relation goes on with what it has, or runs for whoever asks now. Unless it was made by a connection, it does not tell which it is of."""
        holder = self._ledger.holder_of(relation)
        if holder is not None and (holder.current or self._is_known(holder.starting)):
            return self.fetches(relation, whole) if holder.current else None
        database = self._anywhere if holder is None else holder.database
        kept = None if whole else holder or self._ledger.hold(relation, database)
        slot = self._started(kept, database, None)

        def finish(after: Values, error: BaseException | None) -> None:
            execution.here.running.remove(slot)
            if kept is None or error is not None:
                self._ledger.ran_whole(kept, slot)
                return
            self._ledger.ran(kept, slot)
            if self._is_over([slot], after, whole):
                self._ledger.ends(slot)

        return None, finish

    def registered(self, values: Values, function: Callable[..., Any]) -> Callable[..., Any]:
        """The UDF to register in place of this one."""
        connection = self.named(values["connection"], values.get("default"))
        return self.carried(connection, function, values.get("name"))

    def carried(self, connection: Any, function: Callable[..., Any], name: object = None) -> Callable[..., Any]:
        """A UDF that runs in the context of its query, and leaves the thread as it was."""
        if getattr(function, _OURS, None) is self:
            return function
        database = self._holder_of(connection).database
        known_as = name.casefold() if isinstance(name, str) else None
        database.functions.add(known_as)

        current_context, here, ledger = execution.current_context, execution.here, self._ledger

        # Not wrapt's wrapper, and no call that can be spared: with a vector's work between two calls nothing of this is in the processor's caches.
        # DuckDB names no arguments.
        @functools.wraps(function, updated=())
        def call(*args: Any) -> Any:
            running = here.running
            current = current_context()
            if (
                not running
                or running[-1].database is not database
                or running[-1].context is not current
                or not ledger.quiet
            ):
                return self._call_attached(database, known_as, function, args)
            # The thread that asked works for itself: its context is the query's.
            frames = here.frames
            frames.append(object())
            try:
                return function(*args)
            finally:
                try:
                    if current_context() is not current:
                        self._tidy()
                        execution.enter(current)
                except Exception as error:  # noqa: BLE001 - the host's result goes back whatever we find
                    self._counters.error("queries.udf", error)
                finally:
                    frames.pop()

        setattr(call, _OURS, self)
        return call

    def _call_attached(
        self, database: Database, name: str | None, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> Any:
        if not self.on:
            return function(*args)
        frames = execution.here.frames
        frames.append(object())
        fresh = begin_afresh()
        try:
            # DuckDB's own threads have nothing of Python below the call.
            is_native = sys._getframe(1).f_back is None
            context = self._context_for(database, name, is_native)
            if context is None:
                go_on(fresh)  # No query that we know: it is this thread's own work, with all that is known of that.
            token = execution.enter(context or get_current())
        except Exception as error:  # noqa: BLE001 - the host's function must be called whatever we find
            frames.pop()
            go_on(fresh)
            self._counters.error("queries.udf", error)
            return function(*args)
        try:
            return function(*args)
        finally:
            self._tidy()
            frames.pop()
            try:
                execution.leave(token)
                if context is not None:
                    go_on(fresh)
            except Exception as error:  # noqa: BLE001 - the host's result goes back whatever we find
                self._counters.error("queries.udf", error)

    def _tidy(self) -> None:
        try:
            self._left_behind()
        except Exception as error:  # noqa: BLE001 - the host's result goes back whatever we find
            self._counters.error("queries.udf", error)

    def _context_for(self, database: Database, name: str | None, is_native: bool) -> Context | None:
        running: list[Slot | Fetch] = execution.here.running
        mine: Sequence[Slot] = next(
            (each.slots for each in reversed(running) if database.may_be(each.slots[0].database)), ()
        )
        if mine:
            # It may read a reader of another query, which then runs here.
            slots = [*mine, *(slot for slot in self._ledger.read_in(database, name) if slot not in mine)]
        elif is_native:
            slots = self._ledger.open_in(self._may_be(database), name)
        else:
            slots = self._ledger.handed_in(database, name)
        if not slots:
            return None
        works = {(caller_id_of(slot.context), session_of(slot.context)) for slot in slots}
        if len(works) == 1:
            return slots[-1].context
        if len({caller_id for caller_id, _ in works}) == 1:
            return _without_session(slots[-1].context)
        self._counters.add("dropped.udf_ambiguous_query")
        return _nobody(get_current())

    def _started(self, holder: Holder | None, database: Database, text: object) -> Slot:
        text = text if isinstance(text, str) else getattr(text, "query", None)
        context = get_current()
        if work_of(context) is not context.get(WORK_KEY):
            context = handed_over(
                context
            )  # What this line alone can see: a block of a generator, or that it took other work.
        slot = Slot(database, context, text if isinstance(text, str) else None)
        if slot.text is not None:
            database.saw(slot.text)
        self._ledger.begins(holder, slot)
        execution.here.running.append(slot)
        return slot

    @staticmethod
    def _is_known(calls: Sequence[Slot | Fetch]) -> bool:
        """Return whether this thread's current call is registered already, since two specs may have the same hook."""
        running: list[Slot | Fetch] = execution.here.running
        return bool(running and calls) and running[-1] in calls

    def _is_over(self, slots: list[Slot], after: Values, whole: bool) -> bool:
        if "reader" in after:
            if not _is_reader(after["reader"]):
                return True
            for slot in slots:
                self._ledger.hands_out(slot, after["reader"])
            return False
        if "rows" in after:
            rows = after["rows"]
            return rows is None or len(rows) == 0
        return whole

    def _holder_of(self, connection: Any) -> Holder:
        """One that was opened before we were there, or in a way that we don't see, may share its database with any other that we don't know."""
        return self._ledger.holder_of(connection) or self._ledger.hold(connection, self._unseen)

    def _database_of(self, name: object, is_new: bool) -> Database:
        shared = _shared_name(name)
        if shared is None:
            return Database(Reach.OWN, unread=False)
        if shared == _DEFAULT:
            return self._unseen
        with self._lock:
            database = self._by_name.get(shared)
            if database is None:
                database = self._by_name[shared] = Database(Reach.NAMED, unread=not is_new)
            return database

    def _may_be(self, database: Database) -> list[Database]:
        databases = [database, self._anywhere]
        if database is self._unseen:
            databases += list(self._by_name.values())
        elif database.reach is Reach.NAMED:
            databases.append(self._unseen)
        return databases


def is_new(name: object) -> bool:
    """Return whether the name of a database, before a connection to it, is a file that does not exist yet."""
    shared = _shared_name(name)
    return shared is not None and ":" not in shared and not Path(shared).exists()


_IN_MEMORY: Final = ":memory:"
_DEFAULT: Final = ":default:"


def _shared_name(name: object) -> str | None:
    """Return the key that connections to the same database share; None for a database that no other connection can
    reach.
    """
    if name is None or name == "" or name == _IN_MEMORY:
        return None
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else str(name)
    return text if text.startswith(":") else os.path.realpath(text)


def _nobody(context: Context) -> Context:
    return without_span(without_attribution(context))


def _without_session(context: Context) -> Context:
    caller = caller_of(context)
    nobody = _nobody(context)
    return nobody if caller is None else with_caller(nobody, caller)


def _is_reader(given: object) -> bool:
    """Return whether an object reads rows one after the other; a table has all of them at once."""
    return hasattr(given, "read_next_batch") or hasattr(given, "collect") or type(given).__name__ == "PyCapsule"


def _is_lazy(relation: object) -> bool:
    """Return whether an object is a relation of DuckDB 1, which is C code: the steps added to it pass no connection."""
    return relation is not None and not hasattr(relation, "_submit")
