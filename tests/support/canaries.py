"""A program that nobody edited, with a hundred canaries in all that it does: run it under `rvbbit-otel run`.

Each canary holds a token of its own, ``c4nary007z``, in the shape that such a thing has: a key, a bearer's token, a mail address, a prompt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

COUNT: Final = 100
# What a canary looks like; {} is its token.
KEY, BEARER, MAIL = "sk-proj-{}abcdefghijklmnop", "Bearer {}abcdefghijklmnop", "{}@mail.example.org"
TEXT, URL, SQL = "please tell {} what it costs", "https://api.example.org/v1/chat?user={}&x=1", "SELECT '{}' AS x"
LOGIN, PASSWORD, JSON = (
    "postgresql://me:{}@db.example.org/x",
    "failed with password={}",
    '{{"role": "user", "content": "{}"}}',
)

# What instrumentations of others put on spans.
ATTRIBUTES: Final = (
    ("gen_ai.input.messages", JSON),
    ("gen_ai.output.messages", JSON),
    ("gen_ai.system_instructions", TEXT),
    ("gen_ai.prompt", TEXT),
    ("gen_ai.completion", TEXT),
    ("gen_ai.prompt.0.content", TEXT),
    ("gen_ai.completion.0.content", TEXT),
    ("gen_ai.completion.0.tool_calls.0.arguments", JSON),
    ("gen_ai.tool.definitions", JSON),
    ("gen_ai.tool.call.arguments", JSON),
    ("gen_ai.tool.call.result", TEXT),
    ("gen_ai.request.stop_sequences", TEXT),
    ("input.value", TEXT),
    ("output.value", TEXT),
    ("llm.input_messages.0.message.content", TEXT),
    ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", JSON),
    ("llm.prompts", TEXT),
    ("llm.prompt_template.variables", JSON),
    ("llm.invocation_parameters", JSON),
    ("llm.headers", BEARER),
    ("llm.request.functions.0.parameters", JSON),
    ("embedding.embeddings.0.embedding.text", TEXT),
    ("retrieval.documents.0.document.content", TEXT),
    ("reranker.query", TEXT),
    ("tool.parameters", JSON),
    ("metadata", JSON),
    ("traceloop.entity.input", JSON),
    ("traceloop.entity.output", JSON),
    ("traceloop.association.properties.user_mail", MAIL),
    ("mcp.response.value", TEXT),
    ("langfuse.observation.input", TEXT),
    ("langfuse.observation.output", TEXT),
    ("langfuse.trace.metadata.customer", MAIL),
    ("langsmith.metadata.user", MAIL),
    ("langsmith.request.headers", BEARER),
    ("request_data", JSON),
    ("response_data", JSON),
    ("all_messages_events", JSON),
    ("pydantic_ai.all_messages", JSON),
    ("logfire.msg", TEXT),
    ("ai.prompt.messages", JSON),
    ("ai.response.text", TEXT),
    ("ai.toolCall.args", JSON),
    ("ai.telemetry.metadata.user", MAIL),
    ("mlflow.spanInputs", JSON),
    ("gcp.vertex.agent.llm_request", JSON),
    ("http.request.header.authorization", BEARER),
    ("http.request.header.x-api-key", KEY),
    ("http.response.header.set-cookie", "sid={}"),
    ("http.request.body.content", JSON),
    ("url.full", URL),
    ("http.url", LOGIN),
    ("http.target", "/v1/chat?user={}"),
    ("url.query", "user={}"),
    ("url.path", "/users/{}@mail.example.org"),
    ("db.statement", "SET session {}"),
    ("db.query.text", SQL),
    ("db.query.parameter.0", "{}"),
    ("db.statement.parameters", "('{}',)"),
    ("db.connection_string", LOGIN),
    ("messaging.kafka.message.key", "{}"),
    ("rpc.grpc.request.metadata.authorization", BEARER),
    ("graphql.document", '{{ user(mail: "{}") {{ id }} }}'),
    ("process.command_args", "--password={}"),
    ("app.user_prompt", TEXT),
    ("customerEmail", "{}"),
    ("app.api_key", "{}"),
    ("app.state", LOGIN),
    ("app.note_id", PASSWORD),
    ("app.who", MAIL),
    ("app.with", KEY),
)
EVENTS: Final = (
    ("gen_ai.content.prompt", "gen_ai.prompt", TEXT),
    ("gen_ai.choice", "message", JSON),
    ("llm.content.completion.chunk", "llm.content.completion.chunk", TEXT),
    ("mlflow.chunk.item.0", "mlflow.chunk.value", TEXT),
    ("chunk", "delta", "{}"),
)


def places() -> Iterator[Callable[[str], None]]:
    """One function for each canary, in the order of their numbers, that plants it."""
    from opentelemetry import trace
    from opentelemetry._logs import LogRecord, get_logger
    from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

    from rvbbit_otel import called_by
    from small_rvbbit import caller_context, logs
    from small_rvbbit.echo import sessions

    tracer, logger = trace.get_tracer("theirs"), get_logger("theirs")

    def span(name: str = "work", attributes: Any = None, links: Any = None) -> Any:
        return tracer.start_as_current_span(name, attributes=attributes, links=links)

    def attribute(key: str, shape: str) -> Callable[[str], None]:
        def plant(token: str) -> None:
            with span(attributes={key: shape.format(token)}):
                pass

        return plant

    def event(name: str, key: str, shape: str) -> Callable[[str], None]:
        def plant(token: str) -> None:
            with span() as at:
                at.add_event(name, {key: shape.format(token)})

        return plant

    def in_list(token: str) -> None:
        with span(attributes={"app.lines": ("a", MAIL.format(token))}):
            pass

    def link(token: str) -> None:
        with span(links=[Link(SpanContext(1, 2, False, TraceFlags(1)), {"prompt": token})]):
            pass

    def raised(token: str) -> None:
        try:
            with span():
                raise ValueError(f"they said {token}")
        except ValueError:
            pass

    def status(token: str) -> None:
        with span() as at:
            at.set_status(Status(StatusCode.ERROR, f"they said {token}"))

    def named(shape: str) -> Callable[[str], None]:
        def plant(token: str) -> None:
            with span(shape.format(token)):
                pass

        return plant

    def body(make: Callable[[str], Any]) -> Callable[[str], None]:
        return lambda token: logger.emit(LogRecord(body=make(token)))

    def record(key: str, shape: str) -> Callable[[str], None]:
        return lambda token: logger.emit(LogRecord(body="", attributes={key: shape.format(token)}))

    def logged_exception(token: str) -> None:
        logger.emit(LogRecord(body="", exception=ValueError(f"they said {token}")))

    def metadata(make: Callable[[str], Any]) -> Callable[[str], None]:
        def plant(token: str) -> None:
            with called_by(f"web-{plant.number}", make(token)), span():  # type: ignore[attr-defined]
                pass

        plant.number = len(numbered)  # type: ignore[attr-defined]
        numbered.append(plant)
        return plant

    numbered: list[Any] = []

    def of_a_query(make: Callable[[str], str]) -> Callable[[str], None]:
        def plant(token: str) -> None:
            caller_context.set_caller_context(f"sql-{token[-4:-1]}", {"origin": "sql", "sql_query": make(token)})
            caller_context.clear_caller_context()

        return plant

    def row(**more: Callable[[str], Any]) -> Callable[[str], None]:
        def plant(token: str) -> None:
            sessions.get_session("session-1")
            logs.log_message("session-1", "user", **{name: make(token) for name, make in more.items()})

        return plant

    def failing_block(token: str) -> None:
        try:
            with called_by("web-failing"):
                raise ValueError(f"they said {token}")
        except ValueError:
            pass

    yield from (attribute(key, shape) for key, shape in ATTRIBUTES)
    yield from (event(*each) for each in EVENTS)
    yield from (in_list, link, raised, status)
    yield from (named("GET /search?user={}"), named("SELECT * FROM t WHERE x = '{}'"), named("mail {}@example.org"))
    yield from (body(TEXT.format), body(lambda token: {"content": token}), body(lambda token: [{"parts": [token]}]))
    yield from (record("exception.message", TEXT), record("otelSpanPrompt", TEXT), logged_exception)
    yield metadata(lambda token: {"origin": "web", "customer": token})
    yield metadata(lambda token: {"origin": "web", "nested": {"list": [{"deep": token}]}})
    yield metadata(lambda token: {"origin": f"web {token}"})
    yield metadata(lambda token: f"no JSON, {token}")
    yield of_a_query(SQL.format)
    yield of_a_query(lambda token: f"SELECT 1 -- {token}")
    yield of_a_query(lambda token: "SELECT '" + "x" * 100_000 + token + "'")
    yield of_a_query(lambda token: f"SELECT 'C:\\', '{token}'")
    yield row(content=TEXT.format)
    yield row(metadata=lambda token: {"note": token})
    yield failing_block


def token_of(number: int) -> str:
    """What is searched for."""
    return f"c4nary{number:03d}z"


def main() -> None:
    """Plant them all, and say how many."""
    planted = 0
    for number, plant in enumerate(places()):
        plant(token_of(number))
        planted += 1
    print(planted)


if __name__ == "__main__":
    sys.exit(main())
