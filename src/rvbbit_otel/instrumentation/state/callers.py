"""The callers that a runner sets, from when it sets one until it clears it.

One line of execution (a thread, an asyncio task) has one caller at a time. What the runner does decides: setting a caller again on the same
connection, or in the same line without a connection, replaces the one before; another connection's nests. Clearing restores the context from before.
"""

from __future__ import annotations

import atexit
import secrets
import time
from collections.abc import Callable
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Link, Span, SpanContext

from rvbbit_otel.attributes import CALLER_DIGEST, CALLER_ID, CALLER_METADATA, CALLER_ORIGIN, DB_QUERY_TEXT
from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.propagation import caller_id_of, with_work, without_attribution
from rvbbit_otel.attribution.work import WORK_KEY, Work, say_whose_run_it_is_in, work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.instrumentation.emit.spans import Attributes, Spans, hanging_under, without_span
from rvbbit_otel.instrumentation.execution import RenewedLock

# Callers of which the root span is known, for sessions that come late or on a thread without context; and root spans that wait for their end.
_MAX_ROOTS: Final = 10_000
_MAX_OPEN: Final = 10_000
# Lines of execution in which one connection has a caller at once.
_MAX_LINES: Final = 64


class CallerScope(Work):
    """One caller, set and not yet cleared.

    connection_id: the runner's connection that it was set on. saved: the context to go back to. context: the one that was made for
    it. root_span: that of its caller, until it has ended. block: it ends with a block or a call, so a runner's clear does not end it.
    """

    __slots__ = ("block", "connection_id", "context", "root_span", "saved")

    def __init__(
        self, caller: Caller | None, saved: Context, connection_id: str | None = None, block: bool = False
    ) -> None:
        super().__init__(caller, work_of(saved))
        self.connection_id = connection_id
        self.saved = saved
        self.block = block
        self.root_span: Span | None = None
        self.context: Context | None = None
        say_whose_run_it_is_in(self)


class Root:
    """The root span of a caller's work; it records the caller when it ends, unless an earlier span has."""

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
        self._by_connection: dict[str, list[CallerScope]] = {}
        self._open: dict[int, CallerScope] = {}
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
            self._keep(Root(caller, span_context, told=True))

    def _told_by(self, caller: Caller, context: Context, name: str) -> SpanContext:
        now = time.time_ns()
        span = self._spans.start(name, "caller", context, self._facts(caller), start_time=now)
        span.end(now)
        return span.get_span_context()

    def _keep(self, root: Root) -> None:
        self._roots[root.caller.id] = root
        _drop_oldest(self._roots, _MAX_ROOTS)

    def disown(self, caller_id: object) -> None:
        """The runner answered with this caller where another one, or nobody, was known: a guess, which is not believed when it comes back."""
        self._guessed[str(caller_id)] = None
        _drop_oldest(self._guessed, _MAX_ROOTS)

    def is_guess(self, caller_id: object) -> bool:
        """Return whether the runner guessed this caller before; then only the context can tell the caller."""
        return str(caller_id) in self._guessed

    def around(self, caller_id: object, metadata: object, origin: object, query: object) -> CallerScope | None:
        """A caller for one call, which ends with `over`; None if the call is that caller's work already.

        A call that names its caller is that one's, whatever is around it; one that does not is of whoever is around, else of a new caller.
        """
        current = _unwound(get_current())
        around = caller_id_of(current)
        if around is not None and caller_id in (None, around):
            return None
        kind = origin if isinstance(origin, str) and origin else "call"
        if metadata is None:
            metadata = {"origin": kind, **({"query": query} if isinstance(query, str) else {})}
        caller = self._caller(f"{kind}-{secrets.token_hex(6)}" if caller_id is None else caller_id, metadata, kind)
        scope = CallerScope(caller, current, block=True)
        scope.context = self._begin(scope, query)
        return scope

    def over(self, scope: CallerScope) -> None:
        """The call of a caller has returned, or raised."""
        self._end(scope)

    def set(
        self, caller_id: object, metadata: object, origin: object, connection_id: object, query: object = None
    ) -> None:
        """Work of this line belongs to this caller from here on. No id clears, since it is not the one before either; a bad one is nobody's."""
        connection = None if connection_id is None else str(connection_id)
        if caller_id is None:
            self.clear(connection)
            return
        caller = self._caller(caller_id, metadata, origin if isinstance(origin, str) else None)
        current = get_current()
        before = self._replaced(current, connection)
        same = [
            scope
            for scope in before
            if caller is not None and scope.caller is not None and scope.caller.id == caller.id
        ]
        if any(scope is current.get(WORK_KEY) for scope in same):
            return  # Some runners say it twice.
        for scope in before:
            if scope not in same or scope.here:
                self._end(scope)
        scope = CallerScope(caller, _unwound(current), connection)
        attach(self._begin(scope, query))

    def clear(self, connection_id: object) -> None:
        """Work of this line, or of this connection, belongs to nobody any more; what was there before is back.

        Two clients may have the same id of a connection: the one that was set in this line is meant, else every one.
        """
        connection = None if connection_id is None else str(connection_id)
        current = get_current()
        around = current.get(WORK_KEY)
        mine = around if isinstance(around, CallerScope) and not around.block and around.here else None
        if connection is not None:
            scopes = list(self._by_connection.get(connection, ()))
            ending = [scope for scope in scopes if scope.here] or scopes
        else:
            ending = [mine] if mine is not None else []
        for scope in ending:
            self._end(scope)
        if mine is not None and mine.ended:
            attach(_unwound(current))
        elif connection is None and mine is None and isinstance(around, Work) and _is_only_inherited(around):
            # A worker that inherited its caller says that it works for nobody: true for it, not for whom it inherited from.
            attach(without_attribution(current))

    def begin(self, scope: CallerScope) -> Context:
        """The context of a block that begins now."""
        return self._begin(scope, None)

    def end_block(self, scope: CallerScope) -> None:
        """A block was left."""
        try:
            self._end_within(scope)
        finally:
            self._end(scope)

    def _end_within(self, block: CallerScope) -> None:
        """End what a runner set inside a block and did not clear: it does not outlive the block."""
        inner = get_current().get(WORK_KEY)
        while isinstance(inner, CallerScope) and inner is not block and inner.is_within(block) and inner.here:
            outer = inner.base
            self._end(inner)
            inner = outer

    def left_behind(self) -> None:
        """A piece of work is over: end the caller that it set for itself and did not clear."""
        mine = get_current().get(WORK_KEY)
        if isinstance(mine, CallerScope) and not mine.ended and not mine.block and mine.here:
            self._end(mine)

    def end_all(self) -> None:
        """End what nobody cleared, so that the root spans are exported."""
        try:
            for scope in list(self._open.values()):
                self._end(scope)
        except Exception as error:  # noqa: BLE001 - Python calls this at the end of the process
            self._counters.error("callers.end", error)

    def _disown(self) -> None:
        # In a forked child: the root spans are the parent's to end, or each would be exported twice.
        for scope in list(self._open.values()):
            scope.root_span = None

    def _caller(self, caller_id: object, metadata: object, origin: str | None) -> Caller | None:
        try:
            return Caller.of(caller_id, metadata, origin)
        except InvalidIdError:
            self._counters.add("invalid_ids.caller")
            return None

    def _replaced(self, current: Context, connection: str | None) -> list[CallerScope]:
        if connection is not None:
            return [scope for scope in list(self._by_connection.get(connection, ())) if scope.here]
        mine = current.get(WORK_KEY)
        if not isinstance(mine, CallerScope) or mine.ended or mine.block or mine.connection_id is not None:
            return []
        return [mine] if mine.here else []

    def _begin(self, scope: CallerScope, query: object) -> Context:
        """The context of what now begins, with its root span where it is the first of its caller."""
        base = scope.saved
        inner = base.get(WORK_KEY)
        if isinstance(inner, CallerScope):
            inner.saved = _unwound(inner.saved)  # Connections that overlap would keep each other's contexts for ever.
        within = self._place(scope, query)
        if scope.connection_id is not None:
            with self._lock.held:
                scopes = self._by_connection.setdefault(scope.connection_id, [])
                scopes.append(scope)
                del scopes[
                    :-_MAX_LINES
                ]  # The oldest is only forgotten here: it holds in its own line until that says otherwise.
        if scope.root_span is not None and scope.caller is not None:
            self._open[id(scope)] = scope
            self._keep(Root(scope.caller, scope.root_span.get_span_context(), told=False))
            self._close_oldest()
            if not self._at_exit:
                self._at_exit = True
                # Registered with the first caller, when there is a provider: what is registered last runs first, so before it shuts down.
                atexit.register(self.end_all)
        return with_work(within, scope)

    def _place(self, scope: CallerScope, query: object) -> Context:
        base, caller = scope.saved, scope.caller
        if caller is None:
            return base
        around = work_of(base)
        if around is not None and around.caller is not None and around.caller.id == caller.id:
            scope.session_id, scope.echo, scope.in_block = around.session_id, around.echo, around.in_block
            return base
        ambient = caller_id_of(base)
        if ambient == caller.id:
            return base
        known = self._roots.get(caller.id)
        if known is not None:
            return hanging_under(known.span_context, base)
        scope.root_span = self._root_span(caller, base, ambient is not None, query)
        return trace.set_span_in_context(scope.root_span, base)

    def _close_oldest(self) -> None:
        """End the root span of the caller that was set first and never cleared; its work stays its own."""
        while len(self._open) > _MAX_OPEN:
            try:
                scope = self._open.pop(next(iter(self._open)))
            except (KeyError, StopIteration, RuntimeError):  # Another thread was there first.
                return
            self._counters.add("evicted.callers")
            self._end_span(scope)

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
        with self._lock.held:
            if not scope.end():
                return
            scopes = self._by_connection.get(scope.connection_id, []) if scope.connection_id is not None else []
            if scope in scopes:
                scopes.remove(scope)
            if scope.connection_id is not None and not scopes:
                self._by_connection.pop(scope.connection_id, None)
        scope.saved = _unwound(scope.saved)
        self._open.pop(id(scope), None)
        self._end_span(scope)

    def _end_span(self, scope: CallerScope) -> None:
        span, scope.root_span = scope.root_span, None
        if span is None or scope.caller is None:
            return
        root = self._roots.get(scope.caller.id)
        if root is not None:
            root.told = True
        span.end()


def _is_only_inherited(work: Work) -> bool:
    return work.echo is None and (work.inherited or not work.here)


def _unwound(context: Context) -> Context:
    """The context to go back to: the first, outwards, whose caller was not cleared."""
    while isinstance(work := context.get(WORK_KEY), CallerScope) and work.ended and work.here:
        context = work.saved
    return context


def _drop_oldest(kept: dict[str, object] | dict[str, Root] | dict[str, None], limit: int) -> None:
    while len(kept) > limit:
        try:
            kept.pop(next(iter(kept)))
        except (KeyError, StopIteration, RuntimeError):  # Another thread was there first.
            return
