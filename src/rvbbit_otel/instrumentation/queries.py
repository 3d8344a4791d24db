"""Which query a UDF call belongs to, decided by the connection that it was registered on.

DuckDB runs a UDF on the thread that asked or on one of its own, which has no context and serves several queries in turn. A function registered on
one connection can be called by every connection to the same database. So: the query that this very thread is running or fetching from, else the
caller that this thread works for, else the only caller that queries on this database run for now, else nobody. Never a guess.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.instrumentation import flows
from rvbbit_otel.propagation import caller_id_of, session_of
from rvbbit_otel.telemetry import Counters
from rvbbit_otel.work import WORK_KEY, Work

_SHARED_IN_MEMORY: Final = ":memory:"
# One statement that has done all its work when the call returns; any other may still call functions while its rows are fetched.
_EAGER: Final = re.compile(
    r"\s*(SET|RESET|PRAGMA|CREATE|DROP|ALTER|INSERT|UPDATE|DELETE|COPY|ATTACH|DETACH|USE|LOAD|INSTALL|BEGIN|COMMIT|ROLLBACK|CHECKPOINT)"
    r"\b[^;]*;?\s*",
    re.IGNORECASE,
)


class Slot:
    """The query that a connection ran last: it may be running, or give rows that nobody has fetched yet."""

    __slots__ = ("context", "database")

    def __init__(self, database: Database, context: Context) -> None:
        self.database = database
        self.context = context

    def caller_id(self) -> str | None:
        """The caller that the query runs for, None if there is none or it was cleared."""
        if session_of(self.context) is None:
            work = self.context.get(WORK_KEY)
            # Not `holds`: a native thread is never the line that the caller was set in, and a query is over when its caller is cleared.
            if isinstance(work, Work) and work.root.ended:
                return None
        return caller_id_of(self.context)


class Database:
    """The connections to one database, by the query that each ran last."""

    def __init__(self, known: bool) -> None:
        """`known`: every connection to it was seen when it was opened."""
        self.known = known
        self.slots: weakref.WeakKeyDictionary[Any, Slot] = weakref.WeakKeyDictionary()
        self._lock = threading.RLock()

    def put(self, connection: Any, slot: Slot | None) -> None:
        """A connection runs another query now, or none."""
        with self._lock:
            if slot is None:
                self.slots.pop(connection, None)
            else:
                self.slots[connection] = slot

    def all(self) -> list[Slot]:
        """What every connection ran last."""
        with self._lock:
            return list(self.slots.values())


class Queries:
    """Connections, the databases that they share, and the queries that they run."""

    def __init__(self, counters: Counters, left_behind: Callable[[], None]) -> None:
        """`left_behind` ends a caller that a call set and kept."""
        self.on = True  # A function registered while instrumented outlives that.
        self._counters = counters
        self._left_behind = left_behind
        self._lock = threading.RLock()
        self._databases: weakref.WeakKeyDictionary[Any, Database] = weakref.WeakKeyDictionary()
        self._by_name: weakref.WeakValueDictionary[str, Database] = weakref.WeakValueDictionary()

    def renew_locks(self) -> None:
        """In a forked child: another thread may have held them."""
        self._lock = threading.RLock()
        for database in list(self._databases.values()):
            database._lock = threading.RLock()

    def connected(self, connection: Any, name: object, parent: Any) -> None:
        """A connection was opened: to the database of that name, or to its parent's."""
        with self._lock:
            if parent is not None:
                self._databases[connection] = self._databases.get(parent) or Database(known=False)
                return
            shared = _shared_name(name)
            database = self._by_name.get(shared) if shared is not None else None
            if database is None:
                database = Database(known=True)
                if shared is not None:
                    self._by_name[shared] = database
            self._databases[connection] = database

    def fetching(self, connection: Any) -> Callable[[], None]:
        """What a connection ran is fetched to its end, for whom it runs; call what is returned when that is done: it is no candidate then."""
        database = self._databases.get(connection)
        slot = database.slots.get(connection) if database is not None else None
        running = flows.here.running
        if slot is not None:
            running.append(slot)

        def done() -> None:
            if slot is not None:
                running.remove(slot)
            if database is not None:
                database.put(connection, None)

        return done

    def started(self, connection: Any, text: object = None) -> Callable[[BaseException | None], None]:
        """A connection starts a query in this context; call what is returned, with the error if it raised, when the call is over."""
        database = self._database_of(connection)
        slot = Slot(database, get_current())
        database.put(connection, slot)
        running = flows.here.running
        running.append(slot)

        def done(error: BaseException | None) -> None:
            running.remove(slot)
            if error is not None or (isinstance(text, str) and _leaves_nothing_to_fetch(text)):
                database.put(connection, None)

        return done

    def carried(self, connection: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """A UDF that runs in the context of its query, and leaves the thread as it was."""
        database = self._database_of(connection)

        current_context, here = flows.current_context, flows.here

        # Not wrapt's wrapper, and no call that can be spared: with a vector's work between two calls nothing of this is in the processor's caches.
        # DuckDB names no arguments.
        @functools.wraps(function, updated=())
        def call(*args: Any) -> Any:
            if not self.on:
                return function(*args)
            running = here.running
            current = current_context()
            if not running or running[-1].database is not database or running[-1].context is not current:
                return self._call_attached(database, function, args)
            # The thread that asked works for itself: its context is the query's.
            frames = here.frames
            frames.append(object())
            try:
                return function(*args)
            finally:
                if current_context() is not current:
                    self._tidy()
                    flows.enter(current)
                frames.pop()

        return call

    def _call_attached(self, database: Database, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            token = flows.enter(self._context_for(database))
        except Exception as error:  # noqa: BLE001 - the host's function must be called whatever we find
            self._counters.error("queries.udf", error)
            return function(*args)
        frames = flows.here.frames
        frames.append(object())
        try:
            return function(*args)
        finally:
            self._tidy()
            frames.pop()
            flows.leave(token)

    def _tidy(self) -> None:
        try:
            self._left_behind()
        except Exception as error:  # noqa: BLE001 - the host's result goes back whatever we find
            self._counters.error("queries.udf", error)

    def _context_for(self, database: Database) -> Context:
        running: list[Slot] = flows.here.running
        for slot in reversed(running):
            if slot.database is database:
                return slot.context
        current = get_current()
        if caller_id_of(current) is not None:
            return current  # A thread that works for somebody runs a query that we did not see begin, such as a relation's.
        if not database.known:
            self._counters.add("dropped.udf_unknown_connection")
            return current
        by_caller = {slot.caller_id(): slot for slot in database.all()}
        if len(by_caller) == 1:
            ((caller_id, slot),) = by_caller.items()
            return current if caller_id is None else slot.context
        if len(by_caller) > 1:
            self._counters.add("dropped.udf_ambiguous_query")
        return current

    def _database_of(self, connection: Any) -> Database:
        database = self._databases.get(connection)
        if database is None:
            # Opened before we were there, or in a way that we don't see: who else is connected to its database can't be known.
            with self._lock:
                database = self._databases.setdefault(connection, Database(known=False))
        return database


def _leaves_nothing_to_fetch(text: str) -> bool:
    return len(text) < 65_536 and _EAGER.fullmatch(text) is not None and "returning" not in text.lower()


def _shared_name(name: object) -> str | None:
    """What connections to the same database have in common; None for one that nobody else can connect to."""
    if name is None or name == "" or name == _SHARED_IN_MEMORY:
        return None
    text = os.fspath(name) if isinstance(name, str | os.PathLike) else str(name)
    return text if text.startswith(":") else os.path.realpath(text)
