"""Find the handler of a hook by its role. Handlers get the fields of a call, and don't know how the call was
intercepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.propagation import without_attribution
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.emit.spans import Values, without_span
from rvbbit_otel.instrumentation.emit.usage import USED
from rvbbit_otel.instrumentation.handlers import call_tellers, spans
from rvbbit_otel.instrumentation.handlers.toolbox import Toolbox
from rvbbit_otel.instrumentation.spec.expressions import uses_result
from rvbbit_otel.instrumentation.spec.model import Hook, Role
from rvbbit_otel.instrumentation.state import udf_queries
from rvbbit_otel.instrumentation.wrapping.running import Enter, Note, Running


def handler_for(hook: Hook, tools: Toolbox) -> Enter:
    """The handler of a hook; executors and UDF registrations have none, since they replace an argument."""
    if hook.role in _AFTER:
        note, also_when_it_raised = _AFTER[hook.role]
        return _afterwards(note(hook, tools), also_when_it_raised)
    if hook.role in _BEFORE:
        note = _BEFORE[hook.role]
        late = {name for name, expression in hook.fields.items() if uses_result(expression)}
        if hook.accounts and late & USED:
            return _around_what_it_tells_of(note(hook, tools))
        return _afterwards(note(hook, tools), False) if late else note(hook, tools)
    return _AROUND[hook.role](hook, tools)


def _afterwards(note: Note, also_when_it_raised: bool) -> Enter:
    def enter(before: Values) -> Running:
        def finish(after: Values, error: BaseException | None) -> None:
            if error is None or also_when_it_raised:
                note({**before, **after})

        return Running(None, finish)

    return enter


def _around_what_it_tells_of(note: Note) -> Enter:
    """A log call whose result says what was used is that very call to a model: what tells of it inside counts, and else the row does."""

    def enter(before: Values) -> Running:
        call = call_tellers.begin(get_current())
        context = call.within(get_current())

        def finish(after: Values, error: BaseException | None) -> None:
            token = execution.enter(context)
            try:
                if error is None:
                    note({**before, **after})
            finally:
                execution.leave(token)
                call.over = True

        return Running(context, finish)

    return enter


def _caller_set(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        get = values.get
        tools.callers.set(get("caller_id"), get("metadata"), get("origin"), get("connection_id"), get("query"))

    return note


def _caller(hook: Hook, tools: Toolbox) -> Enter:
    callers, spans = tools.callers, tools.spans

    def enter(values: Values) -> Running | None:
        get = values.get
        scope = callers.around(get("caller_id"), get("metadata"), get("origin"), get("query"))
        if scope is None:
            return None

        def finish(after: Values, error: BaseException | None) -> None:
            try:
                if error is not None and scope.root_span is not None:
                    spans.fail(scope.root_span, error)
            finally:
                callers.over(scope)

        return Running(scope.context, finish)

    return enter


def _detached(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        nobody = without_span(without_attribution(get_current()))
        return Running(nobody, lambda after, error: None)

    return enter


def _caller_cleared(hook: Hook, tools: Toolbox) -> Note:
    return lambda values: tools.callers.clear(values.get("connection_id"))


def _session_opened(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        session_id = tools.sessions.id_of(values.get("session_id"))
        if session_id is not None:
            tools.sessions.open(
                session_id,
                parent=values.get("parent_session_id"),
                caller_id=values.get("caller_id"),
                metadata=values.get("metadata"),
                cascade_id=spans.as_word(values.get("cascade_id")),
            )

    return note


def _session_status(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        session_id = tools.sessions.id_of(values.get("session_id"))
        if session_id is not None and values.get("status") is not None:
            tools.sessions.status(session_id, values["status"], values.get("error"))

    return note


def _session_heartbeat(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        session_id = tools.sessions.id_of(values.get("session_id"))
        if session_id is not None:
            tools.sessions.heartbeat(session_id)

    return note


def _session_ended(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        session_id = tools.sessions.id_of(values.get("session_id"))
        if session_id is not None:
            tools.sessions.end(session_id, values.get("status"))

    return note


def _connection_opened(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        database = values.get("database")
        parent = tools.queries.named(values.get("parent"), values.get("default"))
        new = parent is None and udf_queries.is_new(database)

        def finish(after: Values, error: BaseException | None) -> None:
            connection = after.get("connection")
            if connection is not None:
                tools.queries.connected(connection, database, parent, new)

        return Running(None, finish)

    return enter


def _query(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running | None:
        connection = tools.queries.named(values["connection"], values.get("default"))
        whole = "format" in values and values["format"] != "stream"
        return _running(tools.queries.executes(connection, values.get("text"), whole))

    return enter


def _query_prepared(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        connection = tools.queries.named(values["connection"], values.get("default"))
        return Running(*tools.queries.prepares(connection, values.get("text")))

    return enter


def _query_fetch(hook: Hook, tools: Toolbox) -> Enter:
    whole = hook.role is Role.QUERY_FETCHED

    def enter(values: Values) -> Running | None:
        thing = tools.queries.named(values["connection"], values.get("default"))
        return _running(tools.queries.fetches(thing, whole))

    return enter


def _relation(hook: Hook, tools: Toolbox) -> Enter:
    whole = not {"rows", "reader"} & hook.fields.keys()
    return lambda values: _running(tools.queries.runs(values["relation"], whole))


def _running(call: udf_queries.Call | None) -> Running | None:
    return None if call is None else Running(*call)


_Make = Callable[[Hook, Toolbox], Note]
# Done before the call, unless a field comes from its result.
_BEFORE: Final[dict[Role, _Make]] = {
    Role.SESSION_OPENED: _session_opened,
    Role.SESSION_STATUS: _session_status,
    Role.SESSION_HEARTBEAT: _session_heartbeat,
    Role.LOG: spans.log,
    Role.USAGE: spans.usage,
}
# Done after the call; the second: also when it raised.
_AFTER: Final[dict[Role, tuple[_Make, bool]]] = {
    Role.CALLER_SET: (_caller_set, False),
    Role.CALLER_CLEARED: (_caller_cleared, True),
    Role.SESSION_ENDED: (_session_ended, True),
}
_AROUND: Final[dict[Role, Callable[[Hook, Toolbox], Enter]]] = {
    Role.CALLER: _caller,
    Role.DETACHED: _detached,
    Role.CASCADE: spans.cascade,
    Role.CELL: spans.cell,
    Role.TOOL: spans.tool,
    Role.LLM: spans.llm,
    Role.CONNECTION_OPENED: _connection_opened,
    Role.QUERY: _query,
    Role.QUERY_PREPARED: _query_prepared,
    Role.QUERY_FETCH: _query_fetch,
    Role.QUERY_FETCHED: _query_fetch,
    Role.RELATION: _relation,
}
