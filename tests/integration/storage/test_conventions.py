"""Whatever names an instrumentation uses, a call to a model is a row with its model, its tokens and its cost."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tests.conftest import Store
from tests.support.otlp import SpanRecord, Value, traces

CALLER: dict[str, Value] = {"rvbbit.caller.id": "web-1", "rvbbit.caller.source": "explicit"}
# What a span says; then kind, model, provider, tokens in and out, of these cached, written to the cache, reasoning, audio in and out, cost, response.
Row = tuple[str, str, str, int, int, int, int, int, int, int, str, str]
CALLS: dict[str, tuple[dict[str, Value], Row]] = {
    "the GenAI conventions": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "asked",
            "gen_ai.response.model": "m",
            "gen_ai.response.id": "chatcmpl-7",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.cache_creation.input_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 2,
            "gen_ai.usage.cost.amount": 0.00021999999999999995,
        },
        ("llm", "m", "openai", 10, 5, 4, 3, 2, 0, 0, "0.00022", "chatcmpl-7"),
    ),
    "their older names": (
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "m",
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
        },
        ("llm", "m", "openai", 10, 5, 0, 0, 0, 0, 0, "0", ""),
    ),
    "OpenLLMetry": (
        {
            "llm.request.type": "chat",
            "gen_ai.system": "Anthropic",
            "gen_ai.response.model": "m",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
            "llm.usage.total_tokens": 15,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.usage.cache_creation_input_tokens": 3,
            "gen_ai.usage.reasoning_tokens": 2,
        },
        ("llm", "m", "Anthropic", 10, 5, 4, 3, 2, 0, 0, "0", ""),
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "llm.provider": "openai",
            "llm.system": "azure",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 5,
            "llm.token_count.total": 15,
            "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.prompt_details.cache_write": 3,
            "llm.token_count.prompt_details.audio": 1,
            "llm.token_count.completion_details.reasoning": 2,
            "llm.token_count.completion_details.audio": 1,
            "llm.cost.total": "0.25",
        },
        ("llm", "m", "openai", 10, 5, 4, 3, 2, 1, 1, "0.25", ""),
    ),
    "OpenInference's embeddings": (
        {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "m", "llm.token_count.total": 9},
        ("llm", "m", "", 9, 0, 0, 0, 0, 0, 0, "0", ""),
    ),
    "OpenInference's rerankers": (
        {"openinference.span.kind": "RERANKER", "reranker.model_name": "m", "llm.token_count.prompt": 9},
        ("llm", "m", "", 9, 0, 0, 0, 0, 0, 0, "0", ""),
    ),
    "Logfire": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.response.model": "m",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.details.cache_read_tokens": 4,
            "gen_ai.usage.details.cache_write_tokens": 3,
            "gen_ai.usage.details.reasoning_tokens": 2,
            "gen_ai.usage.details.input_audio_tokens": 1,
            "operation.cost": 1e-05,
        },
        ("llm", "m", "anthropic", 10, 5, 4, 3, 2, 1, 0, "0.00001", ""),
    ),
    "Pydantic AI's agents": (
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.aggregated_usage.input_tokens": 10,
            "gen_ai.aggregated_usage.output_tokens": 5,
        },
        ("span", "", "", 10, 5, 0, 0, 0, 0, 0, "0", ""),
    ),
    "Langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": json.dumps({"input": 10, "output": 5, "input_cached_tokens": 4}),
            "langfuse.observation.cost_details": json.dumps({"input": 0.1, "total": 0.25}),
        },
        ("llm", "m", "", 10, 5, 4, 0, 0, 0, 0, "0.25", ""),
    ),
    "MLflow": (
        {"mlflow.llm.model": "m", "mlflow.chat.tokenUsage": json.dumps({"input_tokens": 10, "output_tokens": 5})},
        ("span", "m", "", 10, 5, 0, 0, 0, 0, 0, "0", ""),
    ),
    "the Vercel AI SDK": (
        {
            "ai.model.id": "asked",
            "ai.response.model": "m",
            "ai.model.provider": "openai.chat",
            "ai.response.id": "chatcmpl-8",
            "ai.usage.promptTokens": 10,
            "ai.usage.completionTokens": 5,
            "ai.usage.cachedInputTokens": 4,
            "ai.usage.reasoningTokens": 2,
        },
        ("span", "m", "openai.chat", 10, 5, 4, 0, 2, 0, 0, "0", "chatcmpl-8"),
    ),
    "OpenLIT": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": "10",
            "gen_ai.usage.output_tokens": "5.0",
            "gen_ai.usage.cost": "2.5e-1",
        },
        ("llm", "m", "", 10, 5, 0, 0, 0, 0, 0, "0.25", ""),
    ),
    "images": (
        {"gen_ai.operation.name": "generate_image", "gen_ai.request.model": "m", "gen_ai.usage.cost": 0.04},
        ("llm", "m", "", 0, 0, 0, 0, 0, 0, 0, "0.04", ""),
    ),
}
READ = (
    "SELECT kind, model, provider, tokens_in, tokens_out, tokens_cached, tokens_cache_write, tokens_reasoning, tokens_audio_in, tokens_audio_out,"
    " toString(cost), response_id FROM unified_logs ORDER BY session_id"
)


def test_every_convention_in_use_is_read(store: Store) -> None:
    spans = [
        SpanRecord(number, {**CALLER, **said, "session.id": f"{number:02}"}, name="call")
        for number, (said, _) in enumerate(CALLS.values())
    ]
    store.send(traces(*spans))
    assert dict(zip(CALLS, store.rows(READ), strict=True)) == {name: row for name, (_, row) in CALLS.items()}
    assert store.rows("SELECT countIf(usage_counted) FROM unified_logs") == [(len(CALLS),)]
    assert store.rows("SELECT count() FROM rejected_spans") == [(0,)]


def test_who_a_user_is_is_kept_and_is_no_caller(store: Store) -> None:
    store.send(traces(SpanRecord(1, {**CALLS["OpenInference"][0], "user.id": "u-7"})))
    assert store.rows("SELECT user_id, caller_id, caller_source FROM unified_logs") == [("u-7", "", "none")]


@pytest.mark.parametrize(
    "said",
    [
        {"gen_ai.usage.input_tokens": -5},
        {"gen_ai.usage.output_tokens": 2e12},
        {"llm.token_count.completion": "many"},
        {"gen_ai.usage.cost": -0.01},
        {"operation.cost": "NaN"},
        {"llm.cost.total": float("inf")},
        {"gen_ai.usage.cost": 2_000_000},
    ],
    ids=str,
)
def test_usage_that_can_not_be_is_refused_and_counted_and_costs_nothing_else(
    store: Store, said: dict[str, Value]
) -> None:
    right: dict[str, Value] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    store.send(traces(SpanRecord(1, {**CALLER, **right, **said, "session.id": "s"}, name="call")))
    assert store.rows("SELECT model, tokens_in, tokens_out, toString(cost) FROM unified_logs") == [("m", 0, 0, "0")]
    assert store.rows("SELECT reason, left_out_of, count FROM rejected_spans") == [("usage", "tokens and cost", 1)]


def test_money_adds_up_exactly(store: Store) -> None:
    spans = [
        SpanRecord(n, {**CALLER, "session.id": "s", "gen_ai.usage.cost": 0.1, "rvbbit.cascade.id": "c"})
        for n in range(30)
    ]
    store.send(traces(*spans))
    assert store.rows("SELECT toString(sum(cost)) FROM unified_logs") == [("3",)]
    assert store.rows("SELECT toString(cost), usage_rows FROM cascade_sessions") == [("3", 30)]


def test_only_of_a_table_that_does_not_know_the_model_is_a_price_of_zero_none(store: Store) -> None:
    usage: dict[str, Value] = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": 0.0}
    store.send(
        traces(SpanRecord(1, {**CALLER, **usage, "session.id": "s"}), scope_name="openlit.instrumentation.openai"),
        traces(SpanRecord(2, {**CALLER, **usage, "session.id": "s"}), scope_name="somebody.else"),
    )
    assert store.rows("SELECT cost_source, told_cost FROM unified_logs ORDER BY span_id") == [
        ("unpriced", None),
        ("stated", Decimal(0)),
    ]
