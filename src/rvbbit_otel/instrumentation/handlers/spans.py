"""The handlers whose calls become rows: log calls, cascades, cells, tools, calls to a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from opentelemetry.context import Context
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
    GEN_AI_RESPONSE_ID,
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
    USAGE_COST_AWAITED,
)
from rvbbit_otel.attribution.caller import SessionId
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.instrumentation.emit.spans import Attributes, Values, put, put_integer, put_number
from rvbbit_otel.instrumentation.emit.usage import TOKENS, spends, stated
from rvbbit_otel.instrumentation.execution import current_context
from rvbbit_otel.instrumentation.handlers import call_tellers
from rvbbit_otel.instrumentation.handlers.toolbox import Toolbox
from rvbbit_otel.instrumentation.spec.model import ALONE, Hook
from rvbbit_otel.instrumentation.state.pending_costs import Unpriced
from rvbbit_otel.instrumentation.wrapping.running import Enter, Note, Running

# Fields of a log call that are words.
_WORDS: Final = (
    ("role", LOG_ROLE),
    ("node_type", LOG_NODE_TYPE),
    ("cell_name", CELL_NAME),
    ("provider", GEN_AI_PROVIDER_NAME),
    ("model", GEN_AI_REQUEST_MODEL),
)


def log(hook: Hook, tools: Toolbox) -> Note:
    """The runner's own log call: a span without a length."""
    spans, sessions, content = tools.spans, tools.sessions, tools.spans.content

    def note(values: Values) -> None:
        get = values.get
        session_id = sessions.id_of(get("session_id"))
        attributes: Attributes = {}
        if session_id is not None:
            attributes[SESSION_ID] = session_id
        for field, attribute in _WORDS:
            word = get(field)
            if word is not None:
                put(attributes, attribute, word)
        put_integer(attributes, TAKE_INDEX, get("take_index"))
        put_number(attributes, DURATION_MS, get("duration_ms"))
        # By this a store knows that two rows tell of one call.
        put(attributes, GEN_AI_RESPONSE_ID, get("response_id") or get("request_id"))
        used = tools.usage.read(values)
        accounts = hook.accounts is True and _row_counts(spends(used))
        if get("request_id") is not None and USAGE_COST not in used:
            tools.unpriced.put(get("request_id"), Unpriced({**attributes, **used}, accounts))
            if used:
                attributes[USAGE_COST_AWAITED] = True
        attributes.update(stated(used, accounts))
        if content.allowed:
            _put_content(attributes, LOG_CONTENT, content.text(LOG_CONTENT, get("content")))
            _put_content(attributes, LOG_METADATA, content.text(LOG_METADATA, get("metadata")))
        context = current_context() if session_id is None else sessions.context_for(session_id)
        now = time.time_ns()
        name = f"log {attributes[LOG_ROLE]}" if LOG_ROLE in attributes else "log"
        spans.start(name, "log", context, attributes, start_time=now).end(now)

    return note


def usage(hook: Hook, tools: Toolbox) -> Note:
    """The price of a call that was logged before comes as a row of its own: a row that was written is never changed."""

    def note(values: Values) -> None:
        used = tools.usage.read(values)
        if USAGE_COST not in used:
            return
        known = tools.unpriced.take(values.get("request_id"))
        if known is None:
            return
        attributes = known.attributes
        told = {name for name in TOKENS.values() if attributes.pop(name, None) is not None}
        if told & {GEN_AI_INPUT_TOKENS, GEN_AI_OUTPUT_TOKENS}:
            told |= {GEN_AI_INPUT_TOKENS, GEN_AI_OUTPUT_TOKENS}
        attributes.update(stated({name: value for name, value in used.items() if name not in told}, known.accounts))
        attributes[LOG_ROLE] = attributes[LOG_NODE_TYPE] = "usage"
        session_id = tools.sessions.id_of(attributes.get(SESSION_ID))
        context = current_context() if session_id is None else tools.sessions.context_for(session_id)
        now = time.time_ns()
        tools.spans.start("log usage", "log", context, attributes, start_time=now).end(now)

    return note


def cascade(hook: Hook, tools: Toolbox) -> Enter:
    """The cascade of a session, and the session's end with it."""
    spans, sessions = tools.spans, tools.sessions
    unnamed = hook.qualname  # As of a block of the application's, which is a cascade too.

    def enter(values: Values) -> Running | None:
        session_id = sessions.id_of(values.get("session_id"))
        if session_id is None:
            return None
        given = values.get("cascade_file")
        file = as_word(given) if isinstance(given, str | PurePath) else None  # Some take a definition in its place.
        named = as_word(values.get("cascade_id")) or (PurePath(file).stem if file else None)
        if sessions.is_running(session_id, named):
            return Running(sessions.said_here(), lambda after, error: None)
        cascade_id = named or sessions.cascade_of(session_id) or unnamed
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
        span = spans.start(f"cascade {cascade_id}"[:256], "cascade", context, attributes)
        run = sessions.begin(echo, span, cascade_id)

        def finish(after: Values, error: BaseException | None) -> None:
            try:
                if error is not None:
                    spans.fail(span, error)
                if run is not None:
                    sessions.finish(run, error is not None, after.get("status", values.get("status")))
            finally:
                span.end()

        return Running(_with(span, context), finish)

    return enter


def cell(hook: Hook, tools: Toolbox) -> Enter:
    """A step of a cascade."""

    def enter(values: Values) -> Running:
        attributes: Attributes = {}
        put(attributes, CELL_NAME, values.get("name"))
        put_integer(attributes, TAKE_INDEX, values.get("take_index"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"cell {attributes.get(CELL_NAME, 'unnamed')}"[:256]
        return _around(tools, name, "cell", values, attributes)

    return enter


def tool(hook: Hook, tools: Toolbox) -> Enter:
    """A call of a tool."""

    def enter(values: Values) -> Running:
        attributes: Attributes = {GEN_AI_OPERATION_NAME: "execute_tool"}
        put(attributes, GEN_AI_TOOL_NAME, values.get("name"))
        put(attributes, CELL_NAME, values.get("cell_name"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"execute_tool {attributes.get(GEN_AI_TOOL_NAME, '')}".strip()[:256]
        return _around(tools, name, "tool", values, attributes, call_tellers.apart)

    return enter


def llm(hook: Hook, tools: Toolbox) -> Enter:
    """A call to a model."""

    def enter(values: Values) -> Running:
        operation = as_word(values.get("operation")) or "chat"
        attributes: Attributes = {GEN_AI_OPERATION_NAME: operation}
        put(attributes, GEN_AI_PROVIDER_NAME, values.get("provider"))
        put(attributes, GEN_AI_REQUEST_MODEL, values.get("model"))
        put(attributes, CELL_NAME, values.get("cell_name"))
        _put_content(attributes, LOG_CONTENT, tools.spans.content.text(LOG_CONTENT, values.get("input")))
        name = f"{operation} {attributes.get(GEN_AI_REQUEST_MODEL, '')}".strip()[:256]

        call = call_tellers.begin(current_context())
        alone = hook.accounts is True or (hook.accounts == ALONE and not _in_a_run())

        def answered(span: Span, after: Values, error: BaseException | None) -> None:
            try:
                # Of a call that failed counts what it said itself, in what it gave before.
                said = after if error is not None else {**values, **after}
                late: Attributes = {}
                put(late, GEN_AI_RESPONSE_MODEL, said.get("response_model"))
                put(late, GEN_AI_RESPONSE_ID, said.get("response_id"))
                used = tools.usage.read(said)
                if used:
                    accounts = alone and (call.call_counts() if spends(used) else not call.told_inside)
                    late.update(stated(used, accounts))
                tools.spans.add(span, late)
            finally:
                call.over = True

        return _around(tools, name, "llm", values, attributes, call.within, answered, SpanKind.CLIENT)

    return enter


def _around(
    tools: Toolbox,
    name: str,
    kind: Any,
    values: Values,
    attributes: Attributes,
    inside: Callable[[Context], Context] = lambda context: context,
    answered: Callable[[Span, Values, BaseException | None], None] | None = None,
    span_kind: SpanKind = SpanKind.INTERNAL,
) -> Running:
    spans, sessions = tools.spans, tools.sessions
    session_id: SessionId | None = sessions.id_of(values.get("session_id"))
    context = current_context()
    if session_id is not None:
        attributes[SESSION_ID] = session_id
        context = sessions.context_for(session_id)
    span = spans.start(name, kind, context, attributes, span_kind=span_kind)

    def finish(after: Values, error: BaseException | None) -> None:
        try:
            if error is not None:
                spans.fail(span, error)
            if answered is not None:
                answered(span, after, error)
        finally:
            span.end()

    return Running(inside(_with(span, sessions.attached(session_id, context))), finish)


def _in_a_run() -> bool:
    """Return whether the current context is in a runner's session, and not only in a `called_by` block."""
    work = work_of(current_context())
    return work is not None and work.echo is not None


def _with(span: Span, context: Context) -> Context:
    from_here = span.get_span_context()
    return set_span_in_context(span, context) if from_here.is_valid else context


def _row_counts(spending: bool) -> bool:
    """Return whether a log row counts the usage of the call that it is about, if that call is hooked as well."""
    call = call_tellers.telling_of(current_context())
    if call is None:
        return True
    return call.row_counts() if spending else not call.told_inside


def _put_content(attributes: Attributes, name: str, text: str | None) -> None:
    if text is not None:
        attributes[name] = text


def as_word(value: object) -> str | None:
    """A value as a short text, None for none."""
    if value is None:
        return None
    return (value if isinstance(value, str) else str(value))[:512] or None
