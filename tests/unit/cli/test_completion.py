"""Completion as each shell asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rvbbit_otel import __version__
from rvbbit_otel.cli import cli
from rvbbit_otel.storage.audits import load_audits


def completed(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    environ = {
        "_RVBBIT_OTEL_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("rvbbit-otel", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", "from rvbbit_otel.cli import main; main()"]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["completion", shell], prog_name="rvbbit-otel")
    assert done.exit_code == 0
    assert f"_RVBBIT_OTEL_COMPLETE={shell}_complete" in done.output
    if shell == "bash":
        script = tmp_path / "script"
        script.write_text(done.output)
        assert subprocess.run([shutil.which("bash") or "bash", "-n", str(script)], check=False).returncode == 0


def test_commands_options_audits_and_runners_are_completed() -> None:
    assert completed("mig") == ["migrate"]
    assert "--last" in completed("audit", "--la")
    assert completed("audit", "rows-w") == [audit.name for audit in load_audits() if audit.name.startswith("rows-w")]
    assert completed("doctor", "--runner", "lang") == ["langgraph", "langchain"]


def test_the_version_is_that_of_the_package_and_is_written_once() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"rvbbit-otel, version {__version__}\n"
    root = Path(__file__).parents[3]
    assert f'"{__version__}"' not in (root / "pyproject.toml").read_text()
