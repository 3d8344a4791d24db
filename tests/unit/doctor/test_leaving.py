"""doctor says what would leave: content, keys, and the hosts that get baggage."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvbbit_otel.doctor import environment
from rvbbit_otel.doctor.leaving import leaving
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.redaction.table import CONTENT_WORDS, SECRET_WORDS, URL_WORDS, patterns
from rvbbit_otel.settings import Settings

SHAPE = "content stays, and secrets; the shape of a caller's SQL leaves"


@pytest.mark.parametrize(
    ("options", "state", "seen"),
    [
        ({}, "ok", f"{SHAPE}; baggage to no host"),
        ({"redact_keys": ["app.note"]}, "ok", f"{SHAPE}; redacted: app.note; baggage to no host"),
        (
            {"caller_sql": "off"},
            "ok",
            "content stays, and secrets; nothing of a caller's SQL leaves; baggage to no host",
        ),
        ({"caller_sql": "full"}, "note", "content stays, and secrets; a caller's SQL leaves; baggage to no host"),
        ({"keep_keys": ["log.body"]}, "note", f"{SHAPE}; kept by your settings: log.body; baggage to no host"),
        ({"propagate_hosts": ["a.org", "*.b.org"]}, "note", f"{SHAPE}; baggage to a.org, *.b.org"),
        ({"content": "full"}, "note", "content leaves (full), secrets stay; baggage to no host"),
        (
            {"redaction": False, "keep_keys": ["a"]},
            "note",
            "nothing is redacted: what other instrumentations write leaves whole; baggage to no host",
        ),
    ],
)
def test_it_is_a_note_where_more_leaves_than_by_default(options: dict[str, object], state: str, seen: str) -> None:
    link = leaving(Settings.from_options(options))
    assert (link.state, link.seen) == (state, seen)


def test_every_key_of_the_table_and_of_the_users_is_listed_by_what_becomes_of_it() -> None:
    settings = Settings(keep_keys=("log.body",), redact_keys=("app.note",))
    keys = leaving(settings).details["keys"]
    words = [f"... {word}" for word in (CONTENT_WORDS + SECRET_WORDS + URL_WORDS).split()]
    assert sorted(each for listed in keys.values() for each in listed) == sorted(
        [*patterns(), *words, "log.body", "app.note"]
    )
    assert ("gen_ai.*" in keys["do not leave, but for numbers"], "http.request.header.*" in keys["never leave"]) == (
        True,
        True,
    )
    assert ("app.note" in keys["never leave"], "log.body" in keys["leave"]) == (True, True)
    with_content = leaving(Settings(content="full")).details["keys"]
    assert set(with_content) == {"leave", "never leave"}
    assert leaving(Settings(redaction=False)).details["keys"] == {"leave": ["*"]}


def test_a_configuration_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "otel.yaml"
    file.write_text(
        'file_format: "1.0"\ninstrumentation/development: {python: {rvbbit: {content: full, keep_keys: [a.b]}}}\n'
    )
    environ = {"OTEL_CONFIG_FILE": str(file), "OTEL_PYTHON_RVBBIT_PROPAGATE_HOSTS": "a.org"}
    (link,) = [link for link in environment.links(environ) if link.name == "what leaves"]
    assert link.seen == "content leaves (full), secrets stay; kept by your settings: a.b; baggage to a.org"


def test_our_own_variables_name_attributes_and_are_shown_others_are_not() -> None:
    environ = {"OTEL_PYTHON_RVBBIT_KEEP_KEYS": "log.body", "API_KEY": "hunter2"}
    assert Link("x", "ok", "log.body hunter2").masked(environ).seen == "log.body ***"
