"""What each role does: the fields of a call in, spans, sessions and contexts out. Nothing here knows how a call was intercepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from rvbbit_otel.attributes import (
    CASCADE_DEPTH,
    CASCADE_FILE,
    CASCADE_ID,
    CASCADE_INPUT,
    CELL_NAME,
    DURATION_MS,
    GEN_AI_INPUT_TOKENS,
    GEN_AI_OPERATION_NAME,
    GEN_AI_OUTPUT_TOKENS,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_TOOL_NAME,
    LOG_CONTENT,
    LOG_METADATA,
    LOG_NODE_TYPE,
    LOG_ROLE,
    SESSION_ID,
    SESSION_PARENT_ID,
    TAKE_INDEX,
    USAGE_COST,
    USAGE_COUNTED,
)
from rvbbit_otel.caller import SessionId
from rvbbit_otel.instrumentation.callers import Callers
from rvbbit_otel.instrumentation.paths import uses_result
from rvbbit_otel.instrumentation.queries import Queries
from rvbbit_otel.instrumentation.sessions import Sessions
from rvbbit_otel.instrumentation.spans import Attributes, Spans, Values, put, put_integer, put_number, without_span
from rvbbit_otel.instrumentation.spec import Hook, Role
from rvbbit_otel.instrumentation.unpriced import Unpriced, UnpricedCalls
from rvbbit_otel.propagation import without_attribution


class Running:
    """What lasts as long as the host's call: the context in which it runs, and what to do when it has returned or raised."""

    __slots__ = ("context", "finish")

    def __init__(self, context: Context | None, finish: Callable[[Values, BaseException | None], None]) -> None:
        self.context = context
        self.finish = finish


# Called before the host's call with the fields known by then. None: nothing is left to do.
Enter = Callable[[Values], "Running | None"]
# Takes the fields of a call and does all there is to do at once.
Note = Callable[[Values], None]


@dataclass(frozen=True)
class Toolbox:
    """What the handlers work with."""

    spans: Spans
    callers: Callers
    sessions: Sessions
    queries: Queries
    unpriced: UnpricedCalls


def handler_for(hook: Hook, tools: Toolbox) -> Enter:
    """The handler of a hook; executors and UDF registrations have none, since they replace an argument."""
    if hook.role in _AFTER:
        note, also_when_it_raised = _AFTER[hook.role]
        return _afterwards(note(hook, tools), also_when_it_raised)
    if hook.role in _BEFORE:
        note = _BEFORE[hook.role]
        known_later = any(uses_result(expression) for expression in hook.fields.values())
        return _afterwards(note(hook, tools), False) if known_later else _at_once(note(hook, tools))
    return _AROUND[hook.role](hook, tools)


def _at_once(note: Note) -> Enter:
    def enter(values: Values) -> None:
        note(values)

    return enter


def _afterwards(note: Note, also_when_it_raised: bool) -> Enter:
    def enter(before: Values) -> Running:
        def finish(after: Values, error: BaseException | None) -> None:
            if error is None or also_when_it_raised:
                note({**before, **after})

        return Running(None, finish)

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
                if error is not None and scope.span is not None:
                    spans.fail(scope.span, error)
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
                cascade_id=_text(values.get("cascade_id")),
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


def _connection_opened(hook: Hook, tools: Toolbox) -> Note:
    def note(values: Values) -> None:
        if values.get("connection") is not None:
            tools.queries.connected(values["connection"], values.get("database"), values.get("parent"))

    return note


def _query_fetched(hook: Hook, tools: Toolbox) -> Note:
    return lambda values: tools.queries.fetched(values["connection"])


def _query(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        done = tools.queries.started(values["connection"], values.get("text"))
        return Running(None, lambda after, error: done())

    return enter


def _log(hook: Hook, tools: Toolbox) -> Note:
    spans, sessions, content = tools.spans, tools.sessions, tools.spans.content

    def note(values: Values) -> None:
        get = values.get
        session_id = sessions.id_of(get("session_id"))
        attributes: Attributes = {}
        if session_id is not None:
            attributes[SESSION_ID] = session_id
        role = get("role")
        put(attributes, LOG_ROLE, role)
        put(attributes, LOG_NODE_TYPE, get("node_type"))
        put(attributes, CELL_NAME, get("cell_name"))
        put_integer(attributes, TAKE_INDEX, get("take_index"))
        put_number(attributes, DURATION_MS, get("duration_ms"))
        put(attributes, GEN_AI_PROVIDER_NAME, get("provider"))
        put(attributes, GEN_AI_REQUEST_MODEL, get("model"))
        _put_usage(attributes, values, hook.accounts)
        if get("request_id") is not None and get("cost") is None:
            tools.unpriced.put(get("request_id"), Unpriced(dict(attributes), hook.accounts))
        if content.allowed:
            _put_content(attributes, LOG_CONTENT, content.text(LOG_CONTENT, get("content")))
            _put_content(attributes, LOG_METADATA, content.text(LOG_METADATA, get("metadata")))
        context = get_current() if session_id is None else sessions.context_for(session_id)
        now = time.time_ns()
        name = f"log {attributes[LOG_ROLE]}" if LOG_ROLE in attributes else "log"
        spans.start(name, "log", context, attributes, start_time=now).end(now)

    return note


def _usage(hook: Hook, tools: Toolbox) -> Note:
    """The price of a call that was logged before comes as a row of its own: a row that was written is never changed."""

    def note(values: Values) -> None:
        if values.get("cost") is None:
            return
        known = tools.unpriced.take(values.get("request_id"))
        if known is None:
            return
        attributes = known.attributes
        if GEN_AI_INPUT_TOKENS in attributes or GEN_AI_OUTPUT_TOKENS in attributes:
            values = {name: value for name, value in values.items() if name not in ("tokens_in", "tokens_out")}
        for name in (GEN_AI_INPUT_TOKENS, GEN_AI_OUTPUT_TOKENS, USAGE_COUNTED):
            attributes.pop(name, None)
        attributes[LOG_ROLE] = attributes[LOG_NODE_TYPE] = "usage"
        _put_usage(attributes, values, known.accounts)
        session_id = tools.sessions.id_of(attributes.get(SESSION_ID))
        context = get_current() if session_id is None else tools.sessions.context_for(session_id)
        now = time.time_ns()
        tools.spans.start("log usage", "log", context, attributes, start_time=now).end(now)

    return note


def _cascade(hook: Hook, tools: Toolbox) -> Enter:
    spans, sessions = tools.spans, tools.sessions

    def enter(values: Values) -> Running | None:
        session_id = sessions.id_of(values.get("session_id"))
        if session_id is None:
            return None
        given = values.get("cascade_file")
        file = _text(given) if isinstance(given, str | PurePath) else None  # Some take a definition in its place.
        cascade_id = _text(values.get("cascade_id")) or (PurePath(file).stem if file else None)
        if sessions.is_running(session_id, cascade_id):
            return None
        echo = sessions.open(
            session_id,
            parent=values.get("parent_session_id"),
            caller_id=values.get("caller_id"),
            metadata=values.get("metadata"),
            cascade_id=cascade_id,
            starts=True,
        )
        attributes: Attributes = {SESSION_ID: session_id}
        put(attributes, SESSION_PARENT_ID, echo.parent_session_id)
        put(attributes, CASCADE_ID, cascade_id)
        put(attributes, CASCADE_FILE, file)
        put_integer(attributes, CASCADE_DEPTH, values.get("depth"))
        _put_content(attributes, CASCADE_INPUT, spans.content.text(CASCADE_INPUT, values.get("input")))
        context = sessions.cascade_context(echo)
        span = spans.start(f"cascade {cascade_id or 'unnamed'}"[:256], "cascade", context, attributes)
        run = sessions.begin(session_id, span, cascade_id)

        def finish(after: Values, error: BaseException | None) -> None:
            try:
                if error is not None:
                    spans.fail(span, error)
                if run is not None:
                    sessions.finish(session_id, run, error is not None, after.get("status", values.get("status")))
            finally:
                span.end()

        return Running(_with(span, sessions.attached(session_id, context)), finish)

    return enter


def _cell(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        attributes: Attributes = {}
        put(attributes, CELL_NAME, values.get("name"))
        put_integer(attributes, TAKE_INDEX, values.get("take_index"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"cell {attributes.get(CELL_NAME, 'unnamed')}"[:256]
        return _around(tools, name, "cell", values, attributes)

    return enter


def _tool(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        attributes: Attributes = {GEN_AI_OPERATION_NAME: "execute_tool"}
        put(attributes, GEN_AI_TOOL_NAME, values.get("name"))
        put(attributes, CELL_NAME, values.get("cell_name"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"execute_tool {attributes.get(GEN_AI_TOOL_NAME, '')}".strip()[:256]
        return _around(tools, name, "tool", values, attributes)

    return enter


def _llm(hook: Hook, tools: Toolbox) -> Enter:
    def enter(values: Values) -> Running:
        operation = _text(values.get("operation")) or "chat"
        attributes: Attributes = {GEN_AI_OPERATION_NAME: operation}
        put(attributes, GEN_AI_PROVIDER_NAME, values.get("provider"))
        put(attributes, GEN_AI_REQUEST_MODEL, values.get("model"))
        put(attributes, CELL_NAME, values.get("cell_name"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"{operation} {attributes.get(GEN_AI_REQUEST_MODEL, '')}".strip()[:256]

        def answered(span: Span, after: Values) -> None:
            late: Attributes = {}
            put(late, GEN_AI_RESPONSE_MODEL, after.get("response_model"))
            _put_usage(late, after, hook.accounts)
            span.set_attributes(late)

        return _around(tools, name, "llm", values, attributes, answered, SpanKind.CLIENT)

    return enter


def _around(
    tools: Toolbox,
    name: str,
    kind: Any,
    values: Values,
    attributes: Attributes,
    answered: Callable[[Span, Values], None] | None = None,
    span_kind: SpanKind = SpanKind.INTERNAL,
) -> Running:
    spans, sessions = tools.spans, tools.sessions
    session_id: SessionId | None = sessions.id_of(values.get("session_id"))
    context = get_current()
    if session_id is not None:
        attributes[SESSION_ID] = session_id
        context = sessions.context_for(session_id)
    span = spans.start(name, kind, context, attributes, span_kind=span_kind)

    def finish(after: Values, error: BaseException | None) -> None:
        try:
            if error is not None:
                spans.fail(span, error)
            elif answered is not None:
                answered(span, after)
        finally:
            span.end()

    return Running(_with(span, sessions.attached(session_id, context)), finish)


def _with(span: Span, context: Context) -> Context:
    from_here = span.get_span_context()
    return set_span_in_context(span, context) if from_here.is_valid else context


def _put_usage(attributes: Attributes, values: Values, accounts: bool) -> None:
    before = len(attributes)
    put_integer(attributes, GEN_AI_INPUT_TOKENS, values.get("tokens_in"))
    put_integer(attributes, GEN_AI_OUTPUT_TOKENS, values.get("tokens_out"))
    put_number(attributes, USAGE_COST, values.get("cost"))
    if len(attributes) > before:
        attributes[USAGE_COUNTED] = accounts


def _put_content(attributes: Attributes, name: str, text: str | None) -> None:
    if text is not None:
        attributes[name] = text


def _text(value: object) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else str(value))[:512] or None


_Make = Callable[[Hook, Toolbox], Note]
# Done before the call, unless a field comes from its result.
_BEFORE: Final[dict[Role, _Make]] = {
    Role.SESSION_OPENED: _session_opened,
    Role.SESSION_STATUS: _session_status,
    Role.SESSION_HEARTBEAT: _session_heartbeat,
    Role.LOG: _log,
    Role.USAGE: _usage,
}
# Done after the call; the second: also when it raised.
_AFTER: Final[dict[Role, tuple[_Make, bool]]] = {
    Role.CALLER_SET: (_caller_set, False),
    Role.CALLER_CLEARED: (_caller_cleared, True),
    Role.SESSION_ENDED: (_session_ended, True),
    Role.CONNECTION_OPENED: (_connection_opened, False),
    Role.QUERY_FETCHED: (_query_fetched, True),
}
_AROUND: Final[dict[Role, Callable[[Hook, Toolbox], Enter]]] = {
    Role.CALLER: _caller,
    Role.DETACHED: _detached,
    Role.CASCADE: _cascade,
    Role.CELL: _cell,
    Role.TOOL: _tool,
    Role.LLM: _llm,
    Role.QUERY: _query,
}
