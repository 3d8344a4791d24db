"""Programs that nobody edited, started by either launcher, seen from an OTLP endpoint."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from tests.integration.instrumentation.conftest import Run, Sink

from rvbbit_otel.instrumentation import launcher
from rvbbit_otel.instrumentation.runners import SHIPPED

KNOWN = ", ".join(sorted(spec.name for spec in SHIPPED))
LAUNCHERS = {
    "opentelemetry-instrument": ("opentelemetry-instrument",),
    "rvbbit-otel run": (
        sys.executable,
        "-c",
        "import sys; from rvbbit_otel.instrumentation.launcher import launch; launch(sys.argv[1:])",
    ),
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_an_unedited_runner_leaves_every_row_with_its_caller(name: str, run: Run, sink: Sink, llm: str) -> None:
    product = json.dumps({"product_name": "Apple iPhone"})
    done = run(
        *LAUNCHERS[name],
        *("python", "-m", "small_rvbbit", "run", "traits/extract_brand.yaml", "--input", product, "--llm", llm),
    )
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"brand": "Apple", "valid": True}, "")
    callers = {attributes.get("rvbbit.caller.id") for _, attributes in sink.spans}
    rows = [attributes for _, attributes in sink.spans if "session.id" in attributes]
    assert len(callers) == 1
    assert (len(rows), len(sink.spans), len(sink.trace_ids)) == (20, 22, 1)
    assert {attributes["rvbbit.caller.source"] for attributes in rows} == {"echo"}
    assert sum(attributes.get("rvbbit.usage.counted") is True for attributes in rows) == 2
    if name == "rvbbit-otel run":
        assert sink.services == {"small_rvbbit"}


def launch(run: Run, code: str, *arguments: str, **more: str) -> object:
    return run(*LAUNCHERS["rvbbit-otel run"], "python", "-c", code, *arguments, **more)


def test_the_exit_status_and_the_arguments_are_the_programs_own(run: Run) -> None:
    done = run(
        *LAUNCHERS["rvbbit-otel run"], "python", "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "--", "-x"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "['--', '-x']\n", "")


def test_a_signal_ends_the_program_itself(run: Run) -> None:
    done = run(*LAUNCHERS["rvbbit-otel run"], "python", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL


def test_programs_that_the_program_starts_are_instrumented_for_the_same_caller(
    run: Run, sink: Sink, llm: str, tmp_path: Path
) -> None:
    (tmp_path / "outer.py").write_text(
        "import subprocess, sys\n"
        "from small_rvbbit import caller_context\n"
        "caller_context.set_caller_context('cli-outer', {'origin': 'cli'})\n"
        "env = {'KEPT': 'yes'}\n"
        "inner = 'import os; from small_rvbbit.runner import run_cascade; from small_rvbbit import logs;"
        " from small_rvbbit.echo import sessions;"
        ' sessions.get_session("inner-1"); logs.log_message("inner-1", "user"); print(os.environ["KEPT"])\'\n'
        "import os\n"
        "given = {**os.environ, **env}\n"
        "before = dict(given)\n"
        "print(subprocess.run([sys.executable, '-c', inner], env=given, check=True, text=True, stdout=-1).stdout)\n"
        "assert given == before and 'BAGGAGE' not in os.environ\n"
        "caller_context.clear_caller_context()\n"
    )
    done = run(*LAUNCHERS["rvbbit-otel run"], "python", "outer.py")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "yes", "")
    assert [attributes["rvbbit.caller.id"] for attributes in sink.of("log user")] == ["cli-outer"]
    assert len(sink.of("session start")) == 1
    assert len(sink.trace_ids) == 1


def test_a_caller_that_the_program_never_clears_is_exported_when_it_ends_and_once_only_if_it_forked(
    run: Run, sink: Sink
) -> None:
    code = (
        "import os, sys\nfrom small_rvbbit import caller_context as c\nc.set_caller_context('cli-1', {'origin': 'cli'})\n"
        "child = os.fork()\n"
        "if not child:\n    c.clear_caller_context(); sys.exit(0)\n"
        "os.waitpid(child, 0)"
    )
    done = run("opentelemetry-instrument", "python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert [attributes["rvbbit.caller.id"] for attributes in sink.of("caller cli")] == ["cli-1"]


def test_a_mistyped_setting_is_said_before_the_program_starts(run: Run) -> None:
    done = run(*LAUNCHERS["rvbbit-otel run"], "python", "-c", "print('started')", OTEL_PYTHON_RVBBIT_CONTENTS="full")
    assert done.returncode != 0
    assert "started" not in done.stdout
    assert (
        "OTEL_PYTHON_RVBBIT_CONTENTS is no setting of rvbbit-otel; there are OTEL_PYTHON_RVBBIT_CONTENT" in done.stderr
    )


def test_under_opentelemetrys_own_launcher_a_wrong_setting_is_one_line_and_the_program_goes_on(
    run: Run, sink: Sink, llm: str
) -> None:
    done = run(
        *("opentelemetry-instrument", "python", "-c", "import small_rvbbit.echo as e; e.sessions.get_session('s-1')"),
        OTEL_PYTHON_RVBBIT_CONTENT="everything",
        OTEL_PYTHON_RVBBIT_RUNNERS="nope",
    )
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        (
            "rvbbit-otel: OTEL_PYTHON_RVBBIT_CONTENT='everything': content is 'everything'; it is one of off, truncated, full; "
            "its default is used"
        ),
        (
            f"rvbbit-otel: OTEL_PYTHON_RVBBIT_RUNNERS: there is no runner nope; there are {KNOWN}; the others that it "
            "names are instrumented"
        ),
    ]
    assert sink.of("session start") == []  # Nobody asked for this runner.


def test_a_disabled_sdk_leaves_the_program_alone(run: Run, sink: Sink) -> None:
    code = "import small_rvbbit.echo as e; print(type(e.SessionManager.__dict__['get_session']).__name__)"
    done = run("opentelemetry-instrument", "python", "-c", code, OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stdout) == (0, "function\n")
    assert sink.spans == []


def test_without_a_distro_the_launcher_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher.importlib.metadata, "entry_points", lambda group: ())
    with pytest.raises(launcher.ConfigurationError, match=r"pip install 'rvbbit-otel\[run\]'"):
        launcher.environment_for(["python"], {})


SPEC = """
name = "own"
module = "own_runner"
[[hooks]]
role = "cascade"
target = "own_runner:run"
fields = { session_id = "session", cascade_id = "literal:own" }
"""
OWN = "import rvbbit_otel\ndef run(session): print('ran', session)\n"
USE = "import rvbbit_otel, own_runner\nwith rvbbit_otel.called_by('web-1'): own_runner.run('s-1')"


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_runner_in_a_file_that_the_settings_name_is_instrumented(
    name: str, run: Run, sink: Sink, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(SPEC)
    (tmp_path / "own_runner.py").write_text(OWN)
    done = run(*LAUNCHERS[name], "python", "-c", USE, OTEL_PYTHON_RVBBIT_RUNNER_FILES="own.toml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran s-1\n", "")
    assert [attributes["rvbbit.caller.id"] for attributes in sink.of("cascade own")] == ["web-1"]


def test_a_child_in_another_folder_finds_the_same_runner_file(run: Run, sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SPEC)
    (tmp_path / "own_runner.py").write_text(OWN)
    child = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {USE!r}], cwd='/').returncode)"
    done = run(*LAUNCHERS["rvbbit-otel run"], "python", "-c", child, OTEL_PYTHON_RVBBIT_RUNNER_FILES="own.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert [attributes["rvbbit.caller.id"] for attributes in sink.of("cascade own")] == ["web-1"]


def test_a_runner_file_that_can_not_be_used_stops_run_and_costs_the_other_launcher_one_line(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(SPEC.replace("role", "rol"))
    keys = "accounts, block, fields, not_errors, optional, parameters, role, sees_variables, target, unless, when"
    said = f"own.toml: hook 1: there is no key rol; there are {keys}"
    command = ("python", "-c", "print('started')")
    ours = run(*LAUNCHERS["rvbbit-otel run"], *command, OTEL_PYTHON_RVBBIT_RUNNER_FILES="own.toml")
    assert ours.returncode != 0
    assert (said in ours.stderr, ours.stdout) == (True, "")
    theirs = run("opentelemetry-instrument", *command, OTEL_PYTHON_RVBBIT_RUNNER_FILES="own.toml")
    assert (theirs.returncode, theirs.stdout) == (0, "started\n")
    assert theirs.stderr == f"rvbbit-otel: OTEL_PYTHON_RVBBIT_RUNNER_FILES: {said}; this file is left out\n"
