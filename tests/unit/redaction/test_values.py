"""What becomes of values, by their keys."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.values import Values
from rvbbit_otel.settings import Settings

QUERY = "SELECT * FROM t WHERE name = 'Jane Doe' AND age > 41"


def values(**options: object) -> Values:
    return Values(Settings.from_options(options), Counters())


@pytest.mark.parametrize(
    ("key", "value", "left"),
    [
        ("gen_ai.input.messages", "hello", "[redacted, 5 characters]"),
        ("gen_ai.input.messages", "", ""),
        ("gen_ai.input.messages", ({"role": "user", "content": "hello"},), "[redacted]"),
        ("gen_ai.input.messages", (), ()),
        ("gen_ai.input.messages", b"hello", "[redacted]"),
        ("embedding.vector", (0.1, 0.2), "[redacted]"),
        ("gen_ai.usage.input_tokens", 8, 8),
        ("llm.token_count.prompt", 8, 8),
        ("llm.cost.total", 0.1, 0.1),
        ("llm.is_streaming", True, True),
        ("gen_ai.response.finish_reasons", ("stop",), ("stop",)),
        ("app.password", 1234, "[redacted]"),
        ("http.request.header.authorization", ("Bearer x",), "[redacted]"),
        ("http.request.header.content-type", ("a/b",), ("a/b",)),
        ("url.full", "https://u:p@x.org/a?b=c", "https://[redacted]@x.org/a?[redacted, 3 characters]"),
        ("url.full", "https://x.org/users/jane@x.org", "https://x.org/users/[redacted]"),
        ("url.full", "https://x.org/" + "a" * 8192, "[redacted, 8206 characters]"),
        ("http.request.header.referer", ("https://x.org/?q=1",), ("https://x.org/?[redacted, 3 characters]",)),
        ("url.full", 7, 7),
        ("exception.stacktrace", "ValueError: x", "[redacted, 13 characters]"),
        ("exception.type", "ValueError", "ValueError"),
        ("rvbbit.caller.origin", "sql", "sql"),
        ("rvbbit.caller.origin", "Jane Doe's", "[redacted, 10 characters]"),
        ("rvbbit.caller.origin", "x" * 200, "[redacted, 200 characters]"),
        ("order.note_id", "n-1", "n-1"),
        ("order.note_id", "x" * 1025, "[redacted, 1025 characters]"),
        ("order.note_id", "password=hunter2", "[redacted]"),
        ("order.lines", ("a", "jane@x.org"), ("a", "[redacted]")),
        ("order.raw", b"bytes", "[redacted]"),
        ("order.nothing", None, None),
        (
            "order.json",
            '{"prompt": "hello", "id": "o-1", "who": ["jane@x.org"]}',
            '{"prompt": "[redacted, 5 characters]", "id": "o-1", "who": ["[redacted]"]}',
        ),
        ("order.json", '{"id":"o-1"}', '{"id":"o-1"}'),
        ("order.json", "{not JSON, password=hunter2", "{not JSON, [redacted]"),
        ("order.json", "[" * 1000, "[" * 1000),
        ("order.json", ' {"prompt": "hello"}', '{"prompt": "[redacted, 5 characters]"}'),
        ("order.json", '"{\\"prompt\\": \\"hello\\"}"', '"{\\"prompt\\": \\"[redacted, 5 characters]\\"}"'),
        ("order.python", "{'role': 'user', 'content': 'hello'}", "[redacted, 36 characters]"),
        ("order.python", "[('role', 'user')]", "[redacted, 18 characters]"),
        ("order.line", 'data: {"choices": [{"delta": {"content": "hi"}}]}', "[redacted, 49 characters]"),
        ("order.said_to", "see [1] and {x} (or 'y')", "see [1] and {x} (or 'y')"),
        ("hook.target", "/find?q=what+I+asked#x", "/find?[redacted, 16 characters]"),
        ("hook.target", "grpc:local", "grpc:local"),
        ("hook.target", "me:pw/x@db", "[redacted, 10 characters]"),
        ("hook.target", "data:,hello", "[redacted, 11 characters]"),
        ("hook.callback_url", "https://u:p@x.org/?q=1", "https://[redacted]@x.org/?[redacted, 3 characters]"),
        ("doc.vector", (0.1, 0.2), "[redacted]"),
        ("db.query.parameter.0", 4111111111111111, "[redacted]"),
        ("messaging.destination.name", "orders", "orders"),
        ("messaging.payload", "hello", "[redacted, 5 characters]"),
        ("log.body", "logged in", "[redacted, 9 characters]"),
        ("log.body", {"content": "hello"}, "[redacted]"),
    ],
)
def test_a_value_is_redacted_by_its_key(key: str, value: Any, left: Any) -> None:
    assert values().value(key, value) == left
    if left == value:
        assert values().value(key, value) is value


def test_the_members_of_a_map_are_looked_up_by_their_path() -> None:
    redacted = values(keep_keys=["order.buyer.note"], redact_keys=["order.id"])
    whole = {"id": 7, "buyer": {"name": "x", "note": "kept", "email": "y"}, "lines": [{"sku": "s", "text": "t"}]}
    assert redacted.value("order", whole) == {
        "id": "[redacted]",
        "buyer": {"name": "x", "note": "kept", "email": "[redacted, 1 characters]"},
        "lines": ({"sku": "s", "text": "[redacted, 1 characters]"},),
    }
    assert values().value("order", {"sk-abcdefghijklmnopqrstuvwx": 1}) == {"[redacted]": 1}


def test_a_map_without_an_end_ends() -> None:
    deep: Any = "end"
    for _ in range(100):
        deep = {"a": deep}
    assert str(values().value("order", deep)).count("'a'") == 30


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, "SELECT * FROM t WHERE name = ? AND age > ?"),
        ({"caller_sql": "off"}, f"[redacted, {len(QUERY)} characters]"),
        ({"caller_sql": "full"}, QUERY),
        ({"content_limit": 10}, "SELECT * F[redacted, 32 characters]"),
        ({"content": "full"}, QUERY),
        ({"content": "truncated", "content_limit": 10}, QUERY[:10]),
        ({"redact_keys": ["db.query.text"]}, f"[redacted, {len(QUERY)} characters]"),
        ({"keep_keys": ["db.*"]}, QUERY),
    ],
)
def test_how_much_of_a_callers_query_leaves_is_a_setting(options: dict[str, object], left: str) -> None:
    span = {"rvbbit.caller.metadata": "{}", "db.query.text": QUERY}
    assert {**span, **values(**options).changes(span)} == {**span, "db.query.text": left}


def test_somebody_elses_query_does_not_leave_whatever_leaves_of_a_callers() -> None:
    changes = values(caller_sql="full").changes({"db.query.text": QUERY, "db.system": "postgresql"})
    assert changes == {"db.query.text": f"[redacted, {len(QUERY)} characters]"}


def test_of_an_invocations_metadata_the_names_leave_and_few_values() -> None:
    known = {
        "origin": "sql",
        "protocol": "simple",
        "sql_query": QUERY,
        "sql": {"query": QUERY, "protocol": "x y", "tenant": "acme"},
        "tags": ["a", {"b": "c"}],
        "phone": 491512345678,
        "dry": True,
        "nothing": None,
        "jane@x.org": "x",
    }
    shaped = "SELECT * FROM t WHERE name = ? AND age > ?"
    redacted = values(keep_keys=["rvbbit.caller.metadata.sql.tenant"]).value(
        "rvbbit.caller.metadata", json.dumps(known)
    )
    assert json.loads(redacted) == {
        "origin": "sql",
        "protocol": "simple",
        "sql_query": shaped,
        "sql": {"query": shaped, "protocol": "[redacted, 3 characters]", "tenant": "acme"},
        "tags": ["[redacted, 1 characters]", {"b": "[redacted, 1 characters]"}],
        "phone": "[redacted]",
        "dry": True,
        "nothing": None,
        "[redacted]": "[redacted, 1 characters]",
    }


@pytest.mark.parametrize(
    ("options", "metadata", "left"),
    [
        ({}, '["a"]', "[redacted, 5 characters]"),
        ({}, "{}", "{}"),
        ({"content": "full"}, '{"a": "b"}', '{"a": "b"}'),
        ({"keep_keys": ["rvbbit.caller.metadata"]}, '{"a": "b"}', '{"a": "b"}'),
        ({"redact_keys": ["rvbbit.caller.metadata"]}, '{"a": "b"}', "[redacted, 10 characters]"),
    ],
)
def test_metadata_is_redacted_as_the_settings_say(options: dict[str, object], metadata: str, left: str) -> None:
    assert values(**options).value("rvbbit.caller.metadata", metadata) == left


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("GET /users/{id}", "GET /users/{id}"),
        ("chat gpt-5", "chat gpt-5"),
        ("SELECT mydb", "SELECT mydb"),
        ("GET /search?q=secret", "GET /search"),
        ("SELECT * FROM t WHERE a = 'secret'", "SELECT * FROM t WHERE a = ?"),
        ("mail to jane@x.org", "mail to [redacted]"),
        ("x" * 300, "x" * 256 + "[redacted, 44 characters]"),
        ("x" * 10_000, "x" * 256 + "[redacted, 9744 characters]"),
    ],
)
def test_a_name_has_no_literals_no_query_and_an_end(name: str, left: str) -> None:
    assert values().name(name) == left


def test_a_value_that_can_not_be_looked_at_is_dropped_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Hostile(str):
        def __len__(self) -> int:
            raise RuntimeError("a secret")

    counters = Counters()
    redacting = Values(Settings(), counters)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert redacting.changes({"a": Hostile("x"), "b": 1}) == {"a": "[redacted]"}
            assert redacting.value("url.full", Hostile("x")) == "[redacted]"
            assert redacting.name(Hostile("x")) == "[redacted]"
            assert redacting.value("rvbbit.caller.metadata", "{not JSON: secret") == "[redacted]"
    assert counters.snapshot() == {"errors.redaction": 8}
    # Once for RuntimeError, once for what is no JSON: by its type, since it may repeat what it met.
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_what_is_remembered_of_keys_and_texts_has_an_end() -> None:
    redacting = values()
    for number in range(10_000):
        redacting.changes({f"key.{number}": f"text {number}"})
        redacting.name(f"name {number}")
    remembered = (redacting._by_key, redacting._names, redacting._scanned, redacting._plain)
    assert [len(each) <= 4096 for each in remembered] == [True] * 4
    assert len(redacting._by_keys) <= 512
    long = {"llm." + "messages" * 8_000: "hello", "n": "x" * 1_000}
    assert redacting.changes(long) == {"llm." + "messages" * 8_000: "[redacted, 5 characters]"}
    assert redacting.value("order", {"x" * 1_000: "hello", "n": 1}) == {"x" * 1_000: "[redacted, 5 characters]", "n": 1}
    texts = [text for each in (*remembered, *redacting._by_keys) for text in each]
    assert max(map(len, texts)) <= 256
    assert redacting.value("key.1", "jane@x.org") == "[redacted]"
