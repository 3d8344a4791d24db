"""Released clients, as the registries give them, and what they need to run; all in `.clients/` but for toolchains, which Debian's packages bring."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
FOLDER: Final = ROOT / ".clients"
# What a program is found by, and the packages that bring it where it is missing.
_PACKAGES: Final = {
    "java": ("default-jdk-headless",),
    "mvn": ("maven",),
    "node": ("nodejs",),
    "npm": ("npm",),
    "go": ("golang-go",),
    "cargo": ("cargo",),
}


def need(*programs: str) -> None:
    """Install what of these is not here; fails, with the installer's own words, where that can't be."""
    missing = [package for program in programs if shutil.which(program) is None for package in _PACKAGES[program]]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-qq", "-y", *missing)


def run(*command: str | Path, folder: Path = ROOT, **more: str) -> None:
    """Run a command to its end; `more` are variables of its environment. Raises with all that it said."""
    finished = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{command} ended with {finished.returncode}:\n{finished.stdout[-8000:]}"


@cache
def jdbc(version: str) -> str:
    """A class path with that release of ClickHouse's JDBC driver."""
    need("java", "mvn")
    folder = _made(f"jdbc-{version}")
    if folder is not None:
        run(
            "mvn",
            "-q",
            "-B",
            "-f",
            HERE / "jdbc" / "pom.xml",
            f"-Ddriver={version}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={folder}",
        )
        _done(folder)
    return f"{FOLDER / f'jdbc-{version}'}/*"


def _made(name: str) -> Path | None:
    """An empty folder to install in, None where that was done before."""
    folder = FOLDER / name
    if (folder / ".ready").exists():
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _done(folder: Path) -> None:
    (folder / ".ready").touch()


@cache
def python(name: str, *packages: str) -> Path:
    """The interpreter of an environment of its own with these packages, and none of ours."""
    folder = _made(name)
    if folder is not None:
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
        _done(folder)
    return FOLDER / name / "bin" / "python"


@cache
def node(version: str) -> Path:
    """A folder in which that release of the client for Node.js is installed."""
    need("node", "npm")
    folder = _made(f"node-{version}")
    if folder is not None:
        run("npm", "install", "--no-audit", "--no-fund", "--prefix", folder, f"@clickhouse/client@{version}")
        _done(folder)
    return FOLDER / f"node-{version}"


@cache
def go() -> Path:
    """The program of `go/`, built."""
    need("go")
    FOLDER.mkdir(exist_ok=True)
    run("go", "build", "-o", FOLDER / "go-checks", ".", folder=HERE / "go")
    return FOLDER / "go-checks"


@cache
def rust() -> Path:
    """The program of `rust/`, built."""
    need("cargo")
    run("cargo", "build", "--quiet", "--locked", folder=HERE / "rust", CARGO_TARGET_DIR=str(FOLDER / "rust"))
    return FOLDER / "rust" / "debug" / "checks"


def checks(command: Sequence[str | Path], folder: Path = ROOT, **more: str) -> dict[str, str]:
    """What a client's program says of its checks, by their names: ok, unsupported (by the client itself), or why it failed."""
    finished = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-8000:]
    found = {}
    for line in finished.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("ok", "unsupported"):
            found[rest] = word
        elif word == "FAILED":
            name, _, why = rest.partition(": ")
            found[name] = why
    return found
