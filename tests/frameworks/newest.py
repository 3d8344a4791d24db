"""The unit and contract tests with the newest OpenTelemetry there is: ``python -m tests.frameworks.newest [PYTEST ARGUMENTS]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.frameworks.environment import ROOT, made

_TESTS: Final = ("tests/unit", "tests/contract")


def environment() -> Path:
    """An environment without constraints, so each package is the newest that goes with the others."""
    return made("newest", (), "--upgrade", "-e", f"{ROOT}[dev]")


if __name__ == "__main__":
    command = [environment() / "bin" / "python", "-m", "pytest", "-p", "no:cacheprovider", *(sys.argv[1:] or _TESTS)]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
