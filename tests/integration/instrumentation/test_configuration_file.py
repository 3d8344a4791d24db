"""Declarative configuration: `OTEL_CONFIG_FILE` under OpenTelemetry's own launcher, in a process of its own each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.instrumentation.conftest import Run, Sink

PROGRAM = """
from small_rvbbit import caller_context, echo, logs
caller_context.set_caller_context("c-1", {})
echo.sessions.get_session("s-1")
logs.log_message("s-1", "user", "what the user said")
caller_context.clear_caller_context()
from rvbbit_otel.instrumentation import RvbbitInstrumentor
current = RvbbitInstrumentor().current
print(current and (current.settings.content, current.settings.max_sessions))
"""
Configured = Callable[..., "tuple[int, str, str]"]


@pytest.fixture
def configured(run: Run, sink: Sink, tmp_path: Path) -> Configured:
    """Runs the program with a file that has these lines for our instrumentation; exit status, output, log."""

    def configured(instrumentation: str, processor: str = "batch", **more: str) -> tuple[int, str, str]:
        (tmp_path / "otel.yaml").write_text(
            f"""
file_format: "1.0-rc.1"
resource: {{attributes: [{{name: service.name, value: from-the-file}}]}}
tracer_provider:
  processors:
    - {processor}: {{exporter: {{otlp_http: {{endpoint: "{sink.url}/v1/traces"}}}}}}
{instrumentation}
"""
        )
        done = run("opentelemetry-instrument", "python", "-c", PROGRAM, OTEL_CONFIG_FILE="otel.yaml", **more)
        # The SDK says that for each file.
        said = "OTEL_CONFIG_FILE is set; ignoring configurator kwargs: ['auto_instrumentation_version']\n"
        assert done.stderr.startswith(said)
        return done.returncode, done.stdout, done.stderr.removeprefix(said)

    return configured


def section(options: str) -> str:
    return f"instrumentation/development: {{python: {{rvbbit: {options}}}}}"


def rows(sink: Sink) -> list[tuple[str, object, object]]:
    return [
        (name, attributes.get("rvbbit.caller.id"), attributes.get("rvbbit.log.content"))
        for name, attributes in sink.spans
    ]


def test_options_in_the_file_are_ours_and_the_spans_go_where_it_says(configured: Configured, sink: Sink) -> None:
    done = configured(section("{content: truncated, content_limit: 4, max_sessions: 5, runners: [small_rvbbit]}"))
    assert done == (0, "('truncated', 5)\n", "")
    assert rows(sink) == [
        ("caller start", "c-1", None),
        ("session start", "c-1", None),
        ("log user", "c-1", "what"),
        ("caller unknown", "c-1", None),
    ]
    assert sink.services == {"from-the-file"}


@pytest.mark.parametrize("instrumentation", ["", section("{}")], ids=["not named", "named without options"])
def test_without_options_the_defaults_are_the_private_ones(
    instrumentation: str, configured: Configured, sink: Sink
) -> None:
    assert configured(instrumentation) == (0, "('off', 100000)\n", "")
    assert rows(sink) == [
        ("caller start", "c-1", None),
        ("session start", "c-1", None),
        ("log user", "c-1", None),
        ("caller unknown", "c-1", None),
    ]


@pytest.mark.parametrize("options", ["{contnet: full}", "{content: loud}", "{max_sessions: many}"])
def test_a_mistyped_option_is_logged_and_the_launcher_goes_on_with_private_defaults(
    options: str, configured: Configured, sink: Sink
) -> None:
    status, out, err = configured(section(options))
    assert (status, out) == (0, "('off', 100000)\n")
    assert "Failed to instrument 'rvbbit' via declarative config" in err
    assert options.strip("{}").partition(":")[0] in err
    assert ("log user", "c-1", None) in rows(sink)


def test_an_unknown_processor_ends_the_set_up_which_the_launcher_says_and_the_program_runs(
    configured: Configured, sink: Sink
) -> None:
    status, out, err = configured(section("{}"), processor="rvbbit")
    assert (status, out, sink.spans) == (0, "None\n", [])
    assert err.startswith("Configuration of configurator failed\n")
    assert "No processor type specified in span processor config" in err


def test_the_disable_list_does_not_stop_what_the_file_switches_on(configured: Configured, sink: Sink) -> None:
    done = configured(section("{content: full}"), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="rvbbit")
    assert done == (0, "('full', 100000)\n", "")
    assert ("log user", "c-1", "what the user said") in rows(sink)


def test_switched_off_in_the_file_it_is_switched_on_by_the_launcher_unless_the_disable_list_has_it(
    configured: Configured, sink: Sink
) -> None:
    off = section("{enabled: false, content: full}")
    assert configured(off) == (0, "('off', 100000)\n", "")
    assert configured(off, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="rvbbit") == (0, "None\n", "")


def test_the_environment_does_not_go_before_what_the_file_says(configured: Configured, sink: Sink) -> None:
    done = configured(section("{content: truncated}"), OTEL_PYTHON_RVBBIT_CONTENT="full")
    assert done == (0, "('truncated', 100000)\n", "")


def test_a_file_that_disables_the_sdk_leaves_nothing_recorded(configured: Configured, sink: Sink) -> None:
    status, _, _ = configured(f"disabled: true\n{section('{content: full}')}")
    assert (status, sink.spans) == (0, [])
