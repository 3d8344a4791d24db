"""The example runner with plain OpenTelemetry spans and no attribution: what somebody would write by hand, a span for each of our rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import wrapt
from opentelemetry.trace import SpanKind, Tracer

from small_rvbbit import runner

# The attributes that our rows carry, but for the caller.
_LOG = {
    "role": "rvbbit.log.role",
    "node_type": "rvbbit.log.node_type",
    "cell_name": "rvbbit.cell.name",
    "take_index": "rvbbit.take.index",
    "duration_ms": "rvbbit.duration_ms",
    "model": "gen_ai.request.model",
    "tokens_in": "gen_ai.usage.input_tokens",
    "tokens_out": "gen_ai.usage.output_tokens",
    "cost": "rvbbit.usage.cost",
}


@contextmanager
def plain_spans(tracer: Tracer) -> Iterator[None]:
    """The runner's callables wrapped, and put back."""

    def run(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        facts = {
            "session.id": instance.session_id,
            "rvbbit.cascade.id": instance.cascade_id,
            "rvbbit.cascade.depth": instance.depth,
        }
        started = {
            **facts,
            "rvbbit.kind": "session",
            "rvbbit.session.event": "start",
            "rvbbit.session.status": "running",
        }
        tracer.start_span("session start", attributes=started).end()
        facts |= {"rvbbit.kind": "cascade", "rvbbit.cascade.file": instance.config_path}
        with tracer.start_as_current_span(f"cascade {instance.cascade_id}", attributes=facts):
            return wrapped(*args, **kwargs)

    def cell(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        facts = {"session.id": instance.session_id, "rvbbit.cell.name": args[0]["name"], "rvbbit.kind": "cell"}
        if len(args) > 2:
            facts["rvbbit.take.index"] = args[2]
        with tracer.start_as_current_span(f"cell {args[0]['name']}", attributes=facts):
            return wrapped(*args, **kwargs)

    def model(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        facts = {"gen_ai.operation.name": "chat", "gen_ai.request.model": args[0], "rvbbit.kind": "llm"}
        with tracer.start_as_current_span(f"chat {args[0]}", kind=SpanKind.CLIENT, attributes=facts) as span:
            answer = wrapped(*args, **kwargs)
            span.set_attribute("gen_ai.response.model", answer["model"])
            span.set_attribute("gen_ai.usage.input_tokens", answer["tokens_in"])
            span.set_attribute("gen_ai.usage.output_tokens", answer["tokens_out"])
            span.set_attribute("rvbbit.usage.cost", answer["cost"])
            return answer

    def tool(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        facts = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": args[0], "rvbbit.kind": "tool"}
        with tracer.start_as_current_span(f"execute_tool {args[0]}", attributes=facts):
            return wrapped(*args, **kwargs)

    def log(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        facts = {"session.id": args[0], "rvbbit.log.role": args[1], "rvbbit.kind": "log"}
        facts |= {_LOG[name]: value for name, value in kwargs.items() if value is not None and name in _LOG}
        if "cost" in kwargs:
            facts["rvbbit.usage.counted"] = True
        tracer.start_span(f"log {args[1]}", attributes=facts).end()
        return result

    targets: list[tuple[Any, str, Callable[..., Any]]] = [
        (runner.Runner, "run", run),
        (runner.Runner, "execute_cell", cell),
        (runner.Runner, "execute_take", cell),
        (runner, "complete", model),
        (runner, "call_tool", tool),
        (runner, "log_message", log),
    ]
    before = [vars(holder)[name] for holder, name, _ in targets]
    for holder, name, wrapper in targets:
        wrapt.wrap_function_wrapper(holder, name, wrapper)
    try:
        yield
    finally:
        for (holder, name, _), plain in zip(targets, before, strict=True):
            setattr(holder, name, plain)
