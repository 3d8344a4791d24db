from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import _logs, trace

from rvbbit_otel import ConfigurationError, RvbbitInstrumentor, called_by
from rvbbit_otel.testing import Recorded, Recorder, assert_attributed


def ask(name: str) -> None:
    trace.get_tracer("t").start_span(name, attributes={"app.password": "hunter22"}).end()
    _logs.get_logger("t").emit(body=f"asked {name}")


def test_spans_and_records_are_kept_as_they_would_leave_and_only_within_the_block() -> None:
    ask("before")
    with Recorder() as recorder, called_by("web-1", session="run-1"):
        ask("tea")
    ask("after")
    assert [span.name for span in recorder.spans if "rvbbit.kind" not in span.attributes] == ["tea"]
    assert_attributed(recorder, "web-1")
    assert_attributed(recorder.records, {"[redacted, 9 characters]": "web-1"})
    tea = recorder.named("tea")
    assert (tea.source, tea.session_id) == ("baggage", "run-1")
    assert "hunter22" not in str(tea.attributes)
    assert RvbbitInstrumentor().current is None


def test_recorders_nest_and_each_has_everything_of_its_own_block() -> None:
    with Recorder() as outer:
        ask("one")
        with Recorder() as inner:
            ask("two")
        ask("three")
        outer_names = [span.name for span in outer.spans]
        outer.clear()
    assert ([span.name for span in inner.spans], outer_names, outer.spans) == (["two"], ["one", "two", "three"], ())


def test_options_are_the_instrumentors_and_can_not_be_set_twice() -> None:
    with Recorder(content="full") as recorder:
        assert RvbbitInstrumentor().current.settings.content == "full"  # type: ignore[union-attr]
        with called_by("web-1"):
            ask("rain")
        assert_attributed(recorder.records, {"asked rain": "web-1"})
        with (
            pytest.raises(ConfigurationError, match="on already, so Recorder can't set content"),
            Recorder(content="off"),
        ):
            pass
    with pytest.raises(ConfigurationError, match="nothing is no setting"), Recorder(nothing=1):
        pass


def test_a_name_that_is_not_there_once_is_an_error_that_lists_the_names() -> None:
    with Recorder() as recorder:
        ask("tea")
        with pytest.raises(LookupError, match="0 spans are named 'rain'; there are tea"):
            recorder.named("rain")


def test_a_span_that_nothing_stamped_says_so() -> None:
    assert Recorded.of("raw", {}).why == "not stamped: is the instrumentation on?"


def pytest_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest with no plugin but ours."""
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": "", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "rvbbit_otel.testing.plugin", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_plugin_gives_a_recorder_and_a_failure_points_to_the_users_line(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from opentelemetry import trace\n"
        "from rvbbit_otel import called_by\n"
        "from rvbbit_otel.testing import assert_attributed\n"
        "def test_right(rvbbit_recorder):\n"
        "    with called_by('web-1'):\n"
        "        trace.get_tracer('t').start_span('tea').end()\n"
        "    assert_attributed(rvbbit_recorder, 'web-1')\n"
        "def test_wrong(rvbbit_recorder):\n"
        "    trace.get_tracer('t').start_span('tea').end()\n"
        "    assert_attributed(rvbbit_recorder, 'web-1')\n"
    )
    done = pytest_run(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "E       AssertionError: not attributed as expected\n" in done.stdout
    assert "test_it.py:10: AssertionError" in done.stdout
    assert "attributed.py" not in done.stdout


def test_a_run_that_uses_no_fixture_imports_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    ours = sorted(name for name in sys.modules if name.startswith(('rvbbit_otel', 'opentelemetry')))\n"
        "    assert ours == ['rvbbit_otel', 'rvbbit_otel.testing', 'rvbbit_otel.testing.plugin']\n"
    )
    done = pytest_run(tmp_path)
    assert done.returncode == 0, done.stdout
