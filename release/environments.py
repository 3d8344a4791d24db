"""Environments for trying a distribution, made by uv in `.release/`, each empty but for what it is given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".release"
# The interpreters that the package is for; those that are on this machine are used.
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13", "3.14")
_TOOLS: Final = ("build==1.5.0", "cyclonedx-bom==7.4.0", "pip-licenses==5.5.5", "twine==6.2.0", "uv==0.13.9")


@cache
def tools() -> Path:
    """The folder of the programs that build, check and report."""
    venv = FOLDER / "tools"
    wanted = "\n".join(_TOOLS)
    ready = venv / ".ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        run(sys.executable, "-m", "venv", venv)
        run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_TOOLS)
        ready.write_text(wanted, encoding="utf-8")
    return venv / "bin"


def pythons() -> dict[str, Path]:
    """The interpreter of each version that is found here, pyenv's among them; nothing is downloaded."""
    roots = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {}
    for version in PYTHONS:
        by_path = shutil.which(f"python{version}")
        candidates = [*([Path(by_path)] if by_path else []), *sorted(roots.glob(f"{version}.*/bin/python"))]
        working = [each for each in candidates if _version_of(each) == version]
        if working:
            found[version] = working[0]
    return found


def _version_of(python: Path) -> str:
    # One of pyenv's shims is in PATH for versions that are not chosen, and ends with an error.
    told = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", told], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def made(name: str, python: Path, *packages: str, constraints: Path | None = ROOT / "constraints.txt") -> Path:
    """Make an environment anew with these packages; return its folder."""
    venv = FOLDER / name
    shutil.rmtree(venv, ignore_errors=True)
    run(tools() / "uv", "venv", "--quiet", "--python", python, venv)
    pinned = ["--constraints", str(constraints)] if constraints else []
    run(tools() / "uv", "pip", "install", "--quiet", "--python", venv / "bin" / "python", *pinned, *packages)
    return venv


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command and return what it printed; raise SystemExit with all it said if it fails."""
    # What is set for this checkout must not reach the environment that is tried.
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout
