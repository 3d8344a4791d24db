"""Who the work belongs to, from when a runner sets a caller until it clears it.

One line of execution (a thread, an asyncio task) has one caller at a time. What the runner does decides: setting a caller again on the same
connection, or in the same flow without a connection, replaces the one before; another connection's nests. Clearing restores the context from before.
"""

from __future__ import annotations

import atexit
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Link, Span, SpanContext

from rvbbit_otel.attributes import CALLER_DIGEST, CALLER_ID, CALLER_METADATA, CALLER_ORIGIN, DB_QUERY_TEXT
from rvbbit_otel.caller import Caller
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.instrumentation.flows import RenewedLock, current_flow, enter, leave
from rvbbit_otel.instrumentation.spans import Attributes, Spans, hanging_under, without_span
from rvbbit_otel.propagation import caller_id_of, lease_of, session_of, with_caller, without_attribution
from rvbbit_otel.telemetry import Counters

# Callers of which the root span is known, for sessions that come late or on a thread without context; and callers set and never cleared.
_MAX_ROOTS = 10_000
_MAX_LIVE = 10_000


class CallerScope:
    """One caller, set and not yet cleared; the lease of the contexts made under it."""

    __slots__ = ("caller", "connection_id", "context", "ended", "flow", "revoked", "saved", "span")

    def __init__(self, caller: Caller, connection_id: str | None, saved: Context) -> None:
        self.caller = caller
        self.connection_id = connection_id
        self.saved = saved
        self.context = saved
        self.span: Span | None = None
        self.flow = current_flow()
        self.ended = False
        self.revoked = False

    @property
    def lapsed(self) -> bool:
        """Whether a context made under this scope names nobody any more.

        Work that was handed to another thread goes on for its caller after the caller was cleared; the flow that it was set in does not. When
        it was cleared from elsewhere, that flow may have handed work on since, for nobody: then only the sessions know.
        """
        return self.ended and (self.revoked or self.flow is current_flow())


class Root:
    """Where the work of a caller hangs: its root span, which tells of the caller when it ends, unless that was told before."""

    __slots__ = ("caller", "span_context", "told")

    def __init__(self, caller: Caller, span_context: SpanContext, told: bool) -> None:
        self.caller = caller
        self.span_context = span_context
        self.told = told


class Callers:
    """The callers of this process."""

    def __init__(
        self, spans: Spans, counters: Counters, register_after_fork: Callable[[Callable[[], None]], None]
    ) -> None:
        self._spans = spans
        self._counters = counters
        self._lock = RenewedLock(register_after_fork)
        register_after_fork(self._disown)
        self._by_connection: dict[str, CallerScope] = {}
        self._live: dict[int, CallerScope] = {}
        self._roots: dict[str, Root] = {}
        self._guessed: dict[str, None] = {}
        self._at_exit = False

    def root_of(self, caller_id: str) -> Root | None:
        """The root of a caller that was set in this process, or that a session here named."""
        return self._roots.get(caller_id)

    def introduce(self, caller: Caller) -> None:
        """A session of this caller starts: tell of the caller now, once, since its root span does so only when it ends, and some have none."""
        root = self._roots.get(caller.id)
        if root is not None:
            if not root.told:
                root.told = True
                self._told_by(caller, hanging_under(root.span_context, without_attribution(None)), "caller start")
            return
        current = get_current()
        if caller_id_of(current) == caller.id:
            return  # It came from another process, which knows it better.
        span_context = self._told_by(caller, without_span(without_attribution(current)), f"caller {caller.origin}")
        if span_context.is_valid:
            with self._lock:
                self._keep(Root(caller, span_context, told=True))

    def _told_by(self, caller: Caller, context: Context, name: str) -> SpanContext:
        now = time.time_ns()
        span = self._spans.start(name, "caller", context, self._facts(caller), start_time=now)
        span.end(now)
        return span.get_span_context()

    def _keep(self, root: Root) -> None:
        self._roots[root.caller.id] = root
        if len(self._roots) > _MAX_ROOTS:
            del self._roots[next(iter(self._roots))]

    def disown(self, caller_id: object) -> None:
        """The runner answered with this caller where another one, or nobody, was known: a guess, which is not believed when it comes back."""
        text = str(caller_id)
        if text not in self._guessed:
            self._guessed[text] = None
            if len(self._guessed) > _MAX_ROOTS:
                del self._guessed[next(iter(self._guessed))]

    def is_guess(self, caller_id: object) -> bool:
        """Whether the runner guessed this caller before: then only the context says whose the work is."""
        return str(caller_id) in self._guessed

    def around(self, caller_id: object, metadata: object, origin: object, query: object) -> CallerScope | None:
        """A caller for one call, which ends with `over`; None if the call is somebody's work already. One without an id gets one."""
        current = self._base(get_current())
        if caller_id_of(current) is not None:
            return None
        kind = origin if isinstance(origin, str) and origin else "call"
        if metadata is None:
            metadata = {"origin": kind, **({"query": query} if isinstance(query, str) else {})}
        try:
            caller = Caller.of(f"{kind}-{secrets.token_hex(6)}" if caller_id is None else caller_id, metadata, kind)
        except InvalidIdError:
            self._counters.add("invalid_ids.caller")
            return None
        scope = CallerScope(caller, None, current)
        self._begin(scope, query)
        return scope

    def over(self, scope: CallerScope) -> None:
        """The call of a caller has returned, or raised."""
        self._end(scope)

    def set(
        self, caller_id: object, metadata: object, origin: object, connection_id: object, query: object = None
    ) -> None:
        """Work of this flow belongs to this caller from here on. An id that is none clears, since it is not the one before either."""
        connection = None if connection_id is None else str(connection_id)
        if caller_id is None:
            self.clear(connection)
            return
        try:
            caller = Caller.of(caller_id, metadata, origin if isinstance(origin, str) else None)
        except InvalidIdError:
            self._counters.add("invalid_ids.caller")
            self.clear(connection)
            return
        current = get_current()
        before = self._replaced(current, connection)
        if before is not None and before.caller.id == caller.id and before is lease_of(current):
            return  # Some runners say it twice.
        if before is not None:
            self._end(before)
        scope = CallerScope(caller, connection, self._base(current))
        self._begin(scope, query)
        attach(scope.context)

    def clear(self, connection_id: object) -> None:
        """Work of this flow, or of this connection, belongs to nobody any more; what was there before is back."""
        current = get_current()
        mine = lease_of(current)
        scope = self._by_connection.get(str(connection_id)) if connection_id is not None else None
        if scope is None and isinstance(mine, CallerScope) and mine.flow is current_flow():
            nested = connection_id is not None and mine.connection_id is not None
            scope = None if nested else mine
        if scope is not None:
            self._end(scope)
        elif connection_id is not None:
            return
        if not isinstance(mine, CallerScope) or session_of(current) != session_of(mine.context):
            return  # Inside a session it is the session that says who the work belongs to, and the lease has lapsed.
        if mine is scope:
            attach(self._base(current))
        elif scope is None:
            # A worker that inherited its caller says that it works for nobody: true for it, not for whom it inherited from.
            attach(without_attribution(current))

    @contextmanager
    def during(self, caller: Caller | None) -> Iterator[None]:
        """Work of this block belongs to this caller, or to nobody; blocks nest, and what a runner sets inside nests too."""
        scope: CallerScope | None = None
        context = get_current()
        try:
            if caller is None:
                self._counters.add("invalid_ids.caller")
                context = without_attribution(context)
            else:
                # A connection of its own: a runner that sets its caller inside must not replace this one.
                scope = CallerScope(caller, f"block-{secrets.token_hex(8)}", self._base(context))
                self._begin(scope, None)
                context = scope.context
        except Exception as error:  # noqa: BLE001 - never into the host
            self._counters.error("called_by", error)
        token = enter(context)
        try:
            yield
        finally:
            leave(token)
            if scope is not None:
                self._end(scope)

    def left_behind(self) -> None:
        """A piece of work is over: end the caller that it set for itself and did not clear."""
        mine = lease_of(get_current())
        if isinstance(mine, CallerScope) and not mine.ended and mine.flow is current_flow():
            self._end(mine)

    def end_all(self) -> None:
        """End what nobody cleared, so that the root spans are exported."""
        for scope in list(self._live.values()):
            self._end(scope)

    def _disown(self) -> None:
        # In a forked child: the root spans are the parent's to end, or each would be exported twice.
        for scope in self._live.values():
            scope.span = None

    def _replaced(self, current: Context, connection: str | None) -> CallerScope | None:
        if connection is not None:
            return self._by_connection.get(connection)
        mine = lease_of(current)
        if not isinstance(mine, CallerScope) or mine.ended or mine.connection_id is not None:
            return None
        same_place = mine.flow is current_flow() and session_of(current) == session_of(mine.context)
        return mine if same_place else None

    @staticmethod
    def _base(context: Context) -> Context:
        """The context to go back to: the first, outwards, whose caller was not cleared."""
        while isinstance(lease := lease_of(context), CallerScope) and lease.ended and lease.lapsed:
            context = lease.saved
        return context

    def _begin(self, scope: CallerScope, query: object) -> None:
        caller, base = scope.caller, scope.saved
        ambient = caller_id_of(base)
        known = self._roots.get(caller.id)
        if ambient == caller.id:
            within = base
        elif known is not None:
            within = hanging_under(known.span_context, without_attribution(base))
        else:
            scope.span = self._root_span(caller, base, ambient is not None, query)
            within = trace.set_span_in_context(scope.span, without_attribution(base))
        scope.context = with_caller(within, caller, scope)
        with self._lock:
            if scope.connection_id is not None:
                self._by_connection[scope.connection_id] = scope
            self._live[id(scope)] = scope
            if scope.span is not None:
                self._keep(Root(caller, scope.span.get_span_context(), told=False))
            oldest = next(iter(self._live.values())) if len(self._live) > _MAX_LIVE else None
            if not self._at_exit:
                self._at_exit = True
                # Registered with the first caller, when there is a provider: what is registered last runs first, so before it shuts down.
                atexit.register(self.end_all)
        if oldest is not None:
            self._end(oldest)

    def _root_span(self, caller: Caller, base: Context, another_caller: bool, query: object) -> Span:
        attributes = self._facts(caller)
        if isinstance(query, str) and query:
            attributes[DB_QUERY_TEXT] = query
        within, links = without_attribution(base), None
        if another_caller:
            # One trace a caller: the caller around is linked to, not hung under.
            links = [Link(trace.get_current_span(base).get_span_context())]
            within = without_span(within)
        return self._spans.start(f"caller {caller.origin}", "caller", within, attributes, links=links)

    @staticmethod
    def _facts(caller: Caller) -> Attributes:
        return {
            CALLER_ID: caller.id,
            CALLER_ORIGIN: caller.origin,
            CALLER_DIGEST: caller.digest,
            CALLER_METADATA: caller.metadata_json,
        }

    def _end(self, scope: CallerScope) -> None:
        with self._lock:
            if scope.ended:
                return
            scope.revoked = scope.flow is not current_flow()
            scope.ended = True
            self._live.pop(id(scope), None)
            connection = scope.connection_id
            if connection is not None and self._by_connection.get(connection) is scope:
                del self._by_connection[connection]
        if scope.span is not None:
            root = self._roots.get(scope.caller.id)
            if root is not None:
                root.told = True
            scope.span.end()
