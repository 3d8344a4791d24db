"""Frameworks as their registry gives them, each beside this package in an environment of its own, in `.frameworks/`.

``python -m tests.frameworks.environment pydantic-ai`` makes those of a framework, and prints where they are. uv makes them, since pip takes minutes
for some; it is installed there too, and its cache holds each package once for all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from tests.frameworks.known import FRAMEWORKS, Framework

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".frameworks"
_UV: Final = "uv==0.13.9"


@cache
def uv() -> Path:
    """The uv that makes them all."""
    venv = FOLDER / "uv"
    if not (venv / ".ready").exists():
        shutil.rmtree(venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", venv)
        _run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _UV)
        (venv / ".ready").touch()
    return venv / "bin" / "uv"


@cache
def installed(framework: Framework, beside: str) -> Path:
    """The virtual environment of a framework, of this package, and of what else instruments it."""
    return made(f"{framework.name}-{beside}", framework.packages + framework.beside[beside], "-e", f"{ROOT}[run]")


def made(name: str, packages: tuple[str, ...], *more: str) -> Path:
    """A virtual environment with these packages, made if it is not there, was left half done, or was made of others."""
    venv = FOLDER / name
    ready, wanted = venv / ".ready", "\n".join(packages)
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        _run(uv(), "venv", "--quiet", "--python", sys.executable, venv)
        _run(uv(), "pip", "install", "--quiet", "--python", venv / "bin" / "python", *more, *packages)
        ready.write_text(wanted, encoding="utf-8")
    return venv


def _run(*command: str | Path) -> None:
    environ = {**os.environ, "UV_CACHE_DIR": str(FOLDER / "cache")}
    done = subprocess.run(
        list(map(str, command)),
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout[-8000:]}"


if __name__ == "__main__":
    for each in FRAMEWORKS:
        if each.name in sys.argv[1:] or len(sys.argv) == 1:
            for how in each.beside:
                print(installed(each, how))
