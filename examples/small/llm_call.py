"""A call to a model in a block is a row with its dollars.    rvbbit-otel run -- python examples/small/llm_call.py

With an instrumentation of your client (opentelemetry-instrumentation-openai-v2 and the like) `ask` is one line; here
the span is made by hand, as such an instrumentation makes it, so that the example needs no key.
"""

from opentelemetry import trace

from rvbbit_otel import called_by

tracer = trace.get_tracer("example.client")


def ask(question: str) -> str:
    with tracer.start_as_current_span("chat gpt-4o-mini", kind=trace.SpanKind.CLIENT) as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.provider.name", "openai")
        span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
        span.set_attribute("gen_ai.usage.input_tokens", 1000)
        span.set_attribute("gen_ai.usage.output_tokens", 500)
        return question.upper()


with called_by("web-7", {"origin": "http", "user": "ann"}, session="ticket-42"):
    print(ask("what about tea?"))
