"""litellm: calls to models, in whoever's session they are made; it has no runs of its own."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

# A function, what it does, what it is given, and what its usage is called: OpenAI's older or newer names.
_CALLS: Final = (
    ("completion", "chat", "messages.*.content", ("prompt_tokens", "completion_tokens")),
    ("embedding", "embeddings", "input", ("prompt_tokens", "completion_tokens")),
    ("responses", "chat", "input.*.content|input", ("input_tokens", "output_tokens")),
)


def _used(name: str) -> str:
    """Of an answer, of a chunk, or of the event that ends a stream of a response."""
    return f"result.usage.{name}|yielded.usage.{name}|yielded.response.usage.{name}"


SPEC: Final = RunnerSpec(
    name="litellm",
    module="litellm",
    distribution="litellm",
    versions=">=1.60,<2",
    hooks=tuple(
        Hook(
            Role.LLM,
            f"litellm:{before}{name}",
            {
                "operation": f"literal:{operation}",
                "provider": "custom_llm_provider",
                "model": "model",
                "input": content,
                "response_model": "result.model|yielded.model|yielded.response.model",
                "response_id": "result.id|yielded.id|yielded.response.id",
                "tokens_in": _used(tokens_in),
                "tokens_out": _used(tokens_out),
            },
            # Frameworks call it, and account themselves.
            accounts="alone",
            # The coroutine calls the function, which then returns another coroutine.
            unless=None if before else f"a{name}",
        )
        for name, operation, content, (tokens_in, tokens_out) in _CALLS
        for before in ("", "a")
    ),
)
