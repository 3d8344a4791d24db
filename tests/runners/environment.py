"""An installed larsql in an environment of its own: ``python -m tests.runners.environment 3.2.2`` makes it, and prints where it is.

It needs Python 3.12 or newer whatever its metadata says, about 1.3 GB and a minute and a half. Other versions share the packages of the first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".runners"
VERSION: Final = "3.2.2"
# DuckDB looks for its extensions in the home folder, and would try to download what is not there at each connection. These packages hold them, for
# this version of DuckDB only.
_DUCKDB: Final = "1.4.4"
_EXTENSIONS: Final = ("duckdb-ext-sqlite==1.4.4.20260205", "duckdb-ext-json==1.4.4.20260205")
# What somebody else instruments beside us: litellm asks the stub by OpenAI's client.
_THIRD_PARTY: Final = ("opentelemetry-instrumentation-openai-v2==2.4b0", "opentelemetry-util-genai==0.4b0")


class NotHereError(RuntimeError):
    """Something that the runner's tests need is not on this machine; says what, and what to do."""


class NoPythonError(NotHereError):
    """There is no interpreter that larsql runs on."""


class NoPsqlError(NotHereError):
    """There is no psql."""


def find_python() -> str:
    """A Python from 3.12 on: ``RUNNERS_PYTHON``, this one, or one that is on the path or that pyenv has. Raises NoPythonError."""
    asked = os.environ.get("RUNNERS_PYTHON")
    pyenv = shutil.which("pyenv")
    found = []
    if pyenv is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        found = [str(path) for path in sorted(Path(root).glob("versions/3.1[2-9]*/bin/python3"))] if root else []
    names = [asked] if asked else [sys.executable, "python3.12", "python3.13", "python3.14", *found]
    for name in names:
        probe = "import sys; sys.exit(sys.version_info < (3, 12))"
        try:
            if subprocess.run([name, "-c", probe], capture_output=True, check=False).returncode == 0:
                return name
        except OSError:
            continue
    raise NoPythonError(
        f"larsql needs Python 3.12 or newer, and none of {', '.join(names)} is one; install one, or name it: RUNNERS_PYTHON=/path/to/python make "
        "test-runners"
    )


def installed() -> Path:
    """The virtual environment of larsql and this package, made if it is not there or was left half done."""
    if shutil.which("psql") is None:
        raise NoPsqlError(
            "the published runner is driven by psql, which is not here: install PostgreSQL's client (Debian: postgresql-client)"
        )
    venv = FOLDER / f"larsql-{VERSION}"
    done = venv / ".ready"
    if not done.exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([find_python(), "-m", "venv", str(venv)], check=True)
        _pip(venv, f"larsql=={VERSION}", f"duckdb=={_DUCKDB}", *_EXTENSIONS)
        # Ours on top of theirs, as a user would: what they pin stays.
        _pip(venv, "-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[run]", *_THIRD_PARTY)
        extensions = next(venv.glob("lib/python3*/site-packages/duckdb_ext/extensions"))
        (venv / "home" / ".duckdb").mkdir(parents=True)
        (venv / "home" / ".duckdb" / "extensions").symlink_to(extensions)
        done.touch()
    return venv


def other_version(version: str) -> Path:
    """A folder that holds another version of the one package, to be put before the environment of `installed` on the path."""
    folder = FOLDER / f"larsql-{version}-alone"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _pip(installed(), "--no-deps", "--target", str(folder), f"larsql=={version}")
        (folder / ".ready").touch()
    return folder


def _pip(venv: Path, *arguments: str) -> None:
    command = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
    ]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    try:
        print(installed())
        for version in sys.argv[1:]:
            print(other_version(version))
    except NotHereError as error:
        sys.exit(str(error))
