"""Builds wheel and sdist, checks them, and tries the wheel in an empty environment of each Python here: ``python -m release.dist [3.12 ...]``.

The wheel is built from the sdist, so what the sdist lacks the wheel lacks too. Exit status 0 only if the demo holds on each.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, Final

from release.environments import FOLDER, ROOT, made, pythons, run, tools

DIST: Final = ROOT / "dist"
# What a wheel without them would install and not work.
_NEEDED: Final = (
    "rvbbit_otel/py.typed",
    "rvbbit_otel/storage/sql/schema_migrations.sql",
    "rvbbit_otel/example/drive.py",
    "rvbbit_otel/example/small_rvbbit/cascades/traits/extract_brand.yaml",
)


def build() -> Path:
    """Build both, check their metadata and contents; return the wheel."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(tools() / "python", "-m", "build", "--outdir", DIST, ROOT)
    run(tools() / "twine", "check", "--strict", *DIST.iterdir())
    (wheel,) = DIST.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in _NEEDED if name not in names]
    foreign = sorted({name.split("/")[0] for name in names if not name.startswith("rvbbit_otel")})
    if missing or foreign:
        raise SystemExit(f"{wheel.name} lacks {missing or 'nothing'} and has {foreign or 'nothing'} beside the package")
    return wheel


def tried(version: str, python: Path, wheel: Path) -> dict[str, Any]:
    """Install the wheel with its extra `demo`, and run the demo in an empty folder."""
    begin = time.monotonic()
    venv = made(f"wheel-{version}", python, f"rvbbit-otel[demo] @ {wheel.as_uri()}")
    installed = time.monotonic()
    command = venv / "bin" / "rvbbit-otel"
    with tempfile.TemporaryDirectory(prefix="rvbbit-dist-") as empty:
        told = run(command, "--version", cwd=Path(empty)).strip()
        seen = json.loads(run(command, "demo", "--json", cwd=Path(empty)))
    return {
        "python": version,
        "version": told.rpartition(" ")[2],
        "install_seconds": round(installed - begin, 1),
        "demo_seconds": round(time.monotonic() - installed, 1),
        "sessions": seen["crowd"]["sessions_stored"],
        "holds": seen["holds"],
    }


def main(wanted: list[str]) -> int:
    """Do it all, print a line for each Python."""
    FOLDER.mkdir(exist_ok=True)
    wheel = build()
    found = pythons()
    chosen = {version: found[version] for version in wanted or found if version in found}
    absent = [version for version in wanted if version not in found]
    if absent or not chosen:
        raise SystemExit(f"no Python {', '.join(absent) or 'at all'} is here; there are {', '.join(found) or 'none'}")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB; Python {', '.join(chosen)}", flush=True)
    results = []
    for version, python in chosen.items():
        results.append(tried(version, python, wheel))
        print(json.dumps(results[-1]), flush=True)
    return 0 if all(result["holds"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
