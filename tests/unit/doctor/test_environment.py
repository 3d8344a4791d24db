from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from rvbbit_otel.doctor import environment
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.doctor.probe import endpoint, probe
from rvbbit_otel.storage.client import ClickHouseDatabase


def link(name: str, **environ: str) -> Link:
    (found,) = [link for link in environment.links(environ) if link.name == name]
    return found


def told(link: Link) -> tuple[str, str, str]:
    return link.state, link.seen, link.remedy


def test_an_environment_that_says_nothing_is_wired() -> None:
    links = environment.links({})
    assert {link.name: link.state for link in links} == dict.fromkeys(
        (
            "versions",
            "settings",
            "SDK",
            "instrumentation",
            "other instrumentations",
            "what leaves",
            "web requests",
            "jobs",
        ),
        "ok",
    )


def test_wrong_settings_and_runner_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("name =")
    state, seen, remedy = told(
        link("settings", OTEL_PYTHON_RVBBIT_CONTNET="x", OTEL_PYTHON_RVBBIT_RUNNER_FILES=str(tmp_path / "a.toml"))
    )
    assert state == "broken"
    assert seen.startswith("OTEL_PYTHON_RVBBIT_CONTNET is no setting of rvbbit-otel; there are ")
    assert "a.toml: it is no TOML" in seen
    assert remedy == "correct the variables and files named"


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"OTEL_SDK_DISABLED": " True "}, "OTEL_SDK_DISABLED=true"),
        ({"OTEL_PYTHON_DISTRO": "nope"}, "OTEL_PYTHON_DISTRO=nope, which is not installed"),
        ({"OTEL_PYTHON_CONFIGURATOR": "nope"}, "OTEL_PYTHON_CONFIGURATOR=nope, which is not installed"),
    ],
)
def test_what_keeps_the_sdk_off_is_broken(environ: dict[str, str], seen: str) -> None:
    assert (link("SDK", **environ).state, link("SDK", **environ).seen) == ("broken", seen)


class Points:
    """Entry points of a group as if these were installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **groups: list[str]) -> None:
        def entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
            return [importlib.metadata.EntryPoint(name, "m:o", group) for name in groups.get(group, [])]

        monkeypatch.setattr(environment.importlib.metadata, "entry_points", entry_points)


def test_no_distro_or_several_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    Points(monkeypatch)
    assert told(link("SDK")) == (
        "broken",
        "no distro is installed, so no launcher sets an SDK up",
        "pip install 'rvbbit-otel[run]'",
    )
    assert link("instrumentation").seen == "the entry point rvbbit is not installed"
    Points(monkeypatch, opentelemetry_distro=["a", "b"], opentelemetry_configurator=["c"])
    assert (link("SDK").state, link("SDK").seen) == ("note", "several distros: a of ?, b of ?")
    assert link("SDK", OTEL_PYTHON_DISTRO="b").state == "ok"


@pytest.mark.parametrize("listed", ["rvbbit", "requests, rvbbit", "*"])
def test_the_disable_list_is_looked_at(listed: str) -> None:
    found = link("instrumentation", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=listed)
    assert (found.state, found.remedy) == ("broken", "take it out of the list")


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def file(text: str) -> str:
        (tmp_path / "otel.yaml").write_text(text)
        return str(tmp_path / "otel.yaml")

    return file


def of(options: str) -> str:
    return f'file_format: "1.0"\ninstrumentation/development: {{python: {{{options}}}}}'


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        (of("rvbbit: {content: full, max_sessions: 5}"), "ok", " switches rvbbit on, content, max_sessions set"),
        (of("rvbbit: {}"), "ok", " switches rvbbit on"),
        (of("rvbbit:"), "broken", "can't be used: "),
        ('file_format: "1.0"', "ok", " does not name rvbbit; the launcher switches it on"),
        (of("flask: {}"), "ok", " does not name rvbbit; the launcher switches it on"),
        (of("rvbbit: {contnet: full}"), "broken", "contnet is no setting; there are caller_header"),
        (of("rvbbit: {content: loud}"), "broken", "content is 'loud'; it is one of off, truncated, full; the launcher goes on"),
        ("a: [", "broken", "can't be used: "),
        (of("rvbbit: 7"), "broken", "can't be used: "),
    ],
)  # fmt: skip
def test_a_configuration_file_is_read_as_the_launcher_would(text: str, state: str, said: str, file: Any) -> None:
    found = link("configuration file", OTEL_CONFIG_FILE=file(text))
    assert (found.state, said in found.seen) == (state, True), found


def test_a_configuration_file_that_nobody_can_read_is_broken(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can't be used: " in link("configuration file", OTEL_CONFIG_FILE="gone.yaml").seen
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    found = link("configuration file", OTEL_CONFIG_FILE=file(of("rvbbit: {}")))
    assert (found.state, found.remedy) == ("broken", "pip install opentelemetry-configuration")


def test_where_file_and_disable_list_disagree_it_is_said_who_wins(file: Any) -> None:
    on, off = file(of("rvbbit: {}")), "rvbbit"
    found = link("instrumentation", OTEL_CONFIG_FILE=on, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=off)
    assert (found.state, "does not stop what the configuration file switches on" in found.seen) == ("note", True)
    disabled = file(of("rvbbit: {enabled: false}"))
    found = link("instrumentation", OTEL_CONFIG_FILE=disabled)
    assert (found.state, found.seen) == (
        "note",
        "the configuration file says `enabled: false`, and the launcher switches it on all the same",
    )
    assert (
        link("instrumentation", OTEL_CONFIG_FILE=disabled, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=off).state == "broken"
    )


@pytest.mark.parametrize(
    ("environ", "state", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "broken", "http://127.0.0.1:9, where nothing answers (Connection refused)"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "127.0.0.1:9/v1"}, "broken", "where nothing answers"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "broken", "is no address"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "store"}, "broken", "'store' is no address"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "broken", "OTEL_TRACES_EXPORTER=console: no span leaves by OTLP"),
        ({"OTEL_CONFIG_FILE": "x.yaml"}, "ok", "OTLP goes where the configuration file says"),
    ],
)  # fmt: skip
def test_an_endpoint_is_tried(environ: dict[str, str], state: str, said: str) -> None:
    found = endpoint(environ)
    assert (found.state, said in found.seen) == (state, True), found


def test_no_probe_is_sent_through_a_broken_link() -> None:
    before = [Link("endpoint", "broken", "x"), Link("runner lars", "broken", "x"), Link("SDK", "note", "x")]
    found = probe(ClickHouseDatabase("http://127.0.0.1:9"), {}, before)
    assert told(found) == ("note", "not sent, since endpoint would stop it", "mend that first")


def test_logins_and_values_of_secret_variables_are_masked_wherever_they_stand() -> None:
    environ = {
        "MY_API_KEY": "k-123456",
        "DB_PASSWORD": "short",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=abcdef",
        "HOME": "/home/me",
    }
    shown = Link(
        "x",
        "broken",
        "http://me:word@host:1/db said k-123456, short, /home/me",
        "authorization=abcdef",
        {"hooks": [{"detail": "k-123456"}], "number": 7},
    ).masked(environ)
    assert (shown.seen, shown.remedy) == ("http://***@host:1/db said ***, short, /home/me", "***")
    assert shown.details == {"hooks": [{"detail": "***"}], "number": 7}
