"""Clean copies of the project, each with a process of its own that runs mutants in it; the working tree is never changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutation.selection import MODULES, ROOT

_PARTS: Final = ("src", "tests", "examples", "pyproject.toml")


@dataclass(frozen=True)
class Answer:
    """killer: the test that failed first, None if all passed. seconds: how long each file of tests took."""

    killer: str | None
    seconds: Mapping[str, float]


class Copy:
    """One of them."""

    def __init__(self, folder: Path) -> None:
        for part in _PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / part, folder / part)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
        # Before what is installed, which is the working tree; and no plugins of other packages, which load much of what is installed.
        environment = {**clean, "PYTHONPATH": f"{folder / 'src'}:{folder}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.worker"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say([str(path) for path in MODULES.values()])

    def ask(
        self,
        path: Path,
        code: str | None,
        files: Mapping[str, Sequence[str] | None],
        limits: Mapping[str, float],
        *,
        afresh: bool = False,
        survey: Path | None = None,
    ) -> Answer:
        """Run these tests of these files (None: all), until one fails, with this text in place of the module's (None: as it is).

        afresh: in a process that has not loaded the project. survey: write there which lines each test runs.
        """
        where = None if survey is None else str(survey)
        self._say(
            {"path": str(path), "code": code, "files": files, "limits": limits, "afresh": afresh, "survey": where}
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that runs mutants ended with {self._process.wait()}")
        return Answer(**json.loads(line))

    def _say(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Let its process end."""
        self._process.communicate()


@contextmanager
def a_copy() -> Iterator[Copy]:
    """One that is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as folder:
        copy = Copy(Path(folder))
        try:
            yield copy
        finally:
            copy.close()
