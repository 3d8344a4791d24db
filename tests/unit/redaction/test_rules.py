"""The table, and the user's own patterns before it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from tests.unit.test_docs import DOCS

from rvbbit_otel import attributes
from rvbbit_otel.redaction.rules import Rules
from rvbbit_otel.redaction.table import CONTENT_WORDS, FORM_WORDS, GROUPS, SECRET_WORDS, URL_WORDS, patterns
from rvbbit_otel.settings import Settings

SQL = Path(attributes.__file__).parent / "storage" / "sql"
READ_BY_SQL = sorted(
    {
        name
        for file in SQL.rglob("*.sql")
        for name in re.findall(r"(?:(?:Span|Log|Resource)Attributes|said)\['([^']+)'\]", file.read_text())
    }
)
# What SQL shows and adds nothing up by.
SHOWN = {"db.query.text", "rvbbit.caller.metadata", "rvbbit.cascade.input", "rvbbit.log.content", "rvbbit.log.metadata"}


def test_a_pattern_stands_in_the_table_once_in_lower_case_and_has_a_key() -> None:
    listed = [pattern for group in GROUPS for names in group.values() for pattern in names]
    assert [pattern for pattern in listed if listed.count(pattern) > 1] == []
    assert [pattern for pattern in listed if pattern != pattern.lower() or not pattern.strip("*")] == []
    words = CONTENT_WORDS.split() + SECRET_WORDS.split() + URL_WORDS.split() + FORM_WORDS.split()
    assert [word for word in words if words.count(word) > 1 or word != word.lower()] == []


@pytest.mark.parametrize("name", READ_BY_SQL)
def test_what_the_store_attributes_and_adds_up_by_leaves_as_it_is(name: str) -> None:
    assert name in SHOWN or Rules(Settings()).action_for(name) in ("keep", "word", None)


def test_the_store_reads_attributes() -> None:
    assert len(READ_BY_SQL) > 30
    assert set(READ_BY_SQL) >= SHOWN


def test_what_we_write_ourselves_leaves_but_for_content_and_the_callers_query() -> None:
    rules = Rules(Settings())
    ours = [value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)]
    assert {name for name in ours if rules.action_for(name) not in ("keep", "word")} == attributes.CONTENT_KEYS


def test_of_what_opentelemetry_knows_of_models_texts_are_content_and_names_are_not() -> None:
    names = {value for name, value in vars(gen_ai_attributes).items() if name.isupper() and isinstance(value, str)}
    content = {name for name in names if Rules(Settings()).action_for(name) == "content"}
    numbers = {"gen_ai.evaluation.score.value", "gen_ai.embeddings.dimension.count"}
    numbers |= {name for name in names if name.startswith("gen_ai.request.")} - {
        "gen_ai.request.model",
        "gen_ai.request.encoding_formats",
        "gen_ai.request.stop_sequences",
    }
    assert content - numbers == {
        "gen_ai.agent.description",
        "gen_ai.completion",
        "gen_ai.evaluation.explanation",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.request.stop_sequences",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query.text",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
        "gen_ai.tool.description",
    }


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("gen_ai.prompt.0.content", "content"),
        ("gen_ai.prompt.0.role", "keep"),
        ("gen_ai.completion.0.tool_calls.0.arguments", "content"),
        ("llm.input_messages.0.message.contents.1.message_content.text", "content"),
        ("llm.input_messages.0.message.role", "keep"),
        ("retrieval.documents.3.document.content", "content"),
        ("retrieval.documents.3.document.id", "keep"),
        ("langfuse.observation.metadata.customer", "content"),
        ("langfuse.observation.usage_details", "keep"),
        ("ai.toolCall.args", "content"),
        ("ai.toolCall.name", "keep"),
        ("traceloop.association.properties.session_id", "keep"),
        ("traceloop.association.properties.user_name", "content"),
        ("http.request.header.authorization", "secret"),
        ("HTTP.Request.Header.Authorization", "secret"),
        ("http.request.header.content_type", "keep"),
        ("http.response.header.set-cookie", "secret"),
        ("rpc.grpc.request.metadata.authorization", "secret"),
        ("url.full", "url"),
        ("url.path", None),
        ("db.query.parameter.0", "value"),
        ("db.statement.parameters", "value"),
        ("db.system.name", "keep"),
        ("exception.message", "content"),
        ("exception.stacktrace", "stack"),
        ("app.userPrompt", "content"),
        ("customer_email", "content"),
        ("retry.payload.2", "content"),
        ("x-api-key", "secret"),
        ("APIKey", "secret"),
        ("session_token", "secret"),
        ("app.prompt_v2", "content"),
        ("promptV2", "content"),
        ("chat.answer.raw_json", "content"),
        ("bot.reply", "content"),
        ("agent.thoughts.3", "content"),
        ("doc.vector", "content"),
        ("X-Auth", "secret"),
        ("azure.AccountKey", "secret"),
        ("hook.callback_url", "url"),
        ("request.URI", "url"),
        ("value", None),
        ("raw.value", None),
        ("prompt_name", None),
        ("cache_key", None),
        ("order.id", None),
        ("ключ", None),
        ("", None),
    ],
)
def test_a_key_is_looked_up_in_lower_case_by_the_longest_pattern_then_by_its_last_words(
    key: str, action: str | None
) -> None:
    assert Rules(Settings()).action_for(key) == action


@pytest.mark.parametrize(
    ("keep", "redact", "key", "action"),
    [
        (["gen_ai.input.messages"], [], "gen_ai.input.messages", "keep"),
        (["GEN_AI.*"], [], "gen_ai.input.messages", "keep"),
        ([], ["order.*"], "order.id", "secret"),
        ([], ["session.id"], "session.id", "secret"),
        (["order.id"], ["order.*"], "order.id", "keep"),
        (["order.*"], ["order.note"], "order.note", "secret"),
        (["order.*"], ["order.*"], "order.id", "secret"),
        (["*r.id"], ["orde*"], "order.id", "secret"),
        (["*"], ["orde*"], "order.id", "secret"),
        (["*"], ["orde*"], "http.request.header.authorization", "keep"),
        (["a.b"], [], "axb", None),
    ],
)
def test_the_users_own_patterns_go_first_the_longer_before_the_shorter_and_redaction_before_keeping(
    keep: list[str], redact: list[str], key: str, action: str | None
) -> None:
    rules = Rules(Settings.from_options({"keep_keys": keep, "redact_keys": redact}))
    assert rules.action_for(key) == action


@pytest.mark.parametrize("content", ["truncated", "full"])
def test_with_content_on_content_leaves_and_secrets_do_not(content: str) -> None:
    rules = Rules(Settings.from_options({"content": content, "redact_keys": ["app.note"]}))
    actions = {pattern: rules.action_for(pattern.replace("*", "x")) for pattern in patterns()}
    assert {pattern: actions[pattern] for pattern in ("gen_ai.*", "url.full", "exception.*", "llm.headers")} == {
        "gen_ai.*": "keep",
        "url.full": None,
        "exception.*": "keep",
        "llm.headers": "secret",
    }
    assert set(actions.values()) == {"keep", "secret", None}
    assert (rules.action_for("app.prompt"), rules.action_for("app.note")) == ("keep", "secret")
    assert rules.action_for("app.password") == "secret"


def test_the_words_of_the_table_are_in_the_reference() -> None:
    text = (DOCS / "explanation" / "what-leaves.md").read_text()
    listed = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    words = [CONTENT_WORDS, SECRET_WORDS, URL_WORDS, FORM_WORDS]
    assert [block.split() for block in listed[:4]] == [each.split() for each in words]
