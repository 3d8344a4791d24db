from __future__ import annotations

import pytest

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.settings import Settings


def test_the_defaults_are_the_private_ones() -> None:
    settings = Settings()
    assert (settings.content, settings.propagate_hosts, settings.trust_inbound) == ("off", (), False)
    assert (settings.redaction, settings.keep_keys, settings.caller_sql) == (True, (), "shape")


def test_the_environment_sets_every_field() -> None:
    assert Settings.from_environment(
        {
            "OTEL_PYTHON_RVBBIT_CONTENT": "Truncated",
            "OTEL_PYTHON_RVBBIT_CONTENT_LIMIT": "100",
            "OTEL_PYTHON_RVBBIT_RUNNERS": "lars, small_rvbbit",
            "OTEL_PYTHON_RVBBIT_PROPAGATE_HOSTS": "api.example.com,*.internal",
            "OTEL_PYTHON_RVBBIT_TRUST_INBOUND": "TRUE",
            "OTEL_PYTHON_RVBBIT_MEND_RUNNER": "false",
            "OTEL_PYTHON_RVBBIT_MAX_SESSIONS": "5",
            "OTEL_PYTHON_RVBBIT_SESSION_TTL": "1.5",
            "OTEL_PYTHON_RVBBIT_RUNNER_FILES": "a.toml, /etc/b.toml",
            "OTEL_PYTHON_RVBBIT_REDACTION": "false",
            "OTEL_PYTHON_RVBBIT_REDACT_KEYS": "app.note, app.user.*",
            "OTEL_PYTHON_RVBBIT_KEEP_KEYS": "log.body",
            "OTEL_PYTHON_RVBBIT_CALLER_SQL": "Full",
            "OTEL_SERVICE_NAME": "not ours",
        }
    ) == Settings(
        content="truncated",
        content_limit=100,
        runners=("lars", "small_rvbbit"),
        propagate_hosts=("api.example.com", "*.internal"),
        trust_inbound=True,
        mend_runner=False,
        max_sessions=5,
        session_ttl=1.5,
        runner_files=("a.toml", "/etc/b.toml"),
        redaction=False,
        redact_keys=("app.note", "app.user.*"),
        keep_keys=("log.body",),
        caller_sql="full",
    )


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Settings.from_environment({"OTEL_PYTHON_RVBBIT_CONTENT": " "}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CONTENTS", "off", "is no setting"),
        ("CONTENT", "some", "one of off, truncated, full"),
        ("CONTENT_LIMIT", "many", "whole number"),
        ("CONTENT_LIMIT", "0", "from 1 to"),
        ("TRUST_INBOUND", "yes", "true or false"),
        ("PROPAGATE_HOSTS", "https://a/b", "host name"),
        ("MAX_SESSIONS", "-1", "from 1 to"),
        ("SESSION_TTL", "nan", "from 0 to"),
        ("REDACTION", "0", "true or false"),
        ("REDACT_KEYS", "app note", "an attribute's name"),
        ("KEEP_KEYS", "x" * 257, "an attribute's name"),
        ("CALLER_SQL", "literals", "one of off, shape, full"),
    ],
)
def test_a_wrong_variable_is_named_and_its_default_is_used(variable: str, value: str, said: str) -> None:
    environ = {f"OTEL_PYTHON_RVBBIT_{variable}": value, "OTEL_PYTHON_RVBBIT_RUNNERS": "lars"}
    with pytest.raises(ConfigurationError, match=f"OTEL_PYTHON_RVBBIT_{variable}.*{said}"):
        Settings.from_environment(environ)
    settings, problems = Settings.lenient(environ)
    assert settings == Settings(runners=("lars",))
    assert len(problems) == 1


def test_a_key_is_shown_nowhere() -> None:
    assert "a secret of a test" not in repr(Settings(job_key="a secret of a test"))
    _, problems = Settings.lenient({"OTEL_PYTHON_RVBBIT_JOB_KEY": "too short"})
    assert problems == ["OTEL_PYTHON_RVBBIT_JOB_KEY: job_key is a secret of at least 16 characters"]


def test_a_mistyped_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match="contnet is no setting; there are caller_header"):
        Settings.from_options({"contnet": "full"})


@pytest.mark.parametrize(
    "options",
    [
        {"runners": "lars"},
        {"trust_inbound": "yes"},
        {"mend_runner": 1},
        {"max_sessions": True},
        {"runners": [""]},
        {"keep_keys": "a"},
        {"request_caller": "no function"},
        {"job_caller": 7},
        {"caller_header": "X Caller"},
        {"caller_hosts": ["example.com"]},
        {"job_key": "too short"},
    ],
)
def test_an_option_of_the_wrong_type_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        Settings.from_options(options)
