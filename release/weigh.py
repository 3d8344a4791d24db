"""What an install weighs and how long it takes: ``python -m release.weigh``, after `release.dist`; a JSON object for each choice of extras.

Packages come from uv's cache after the first time, so the seconds are those of unpacking; `downloads` is what a fresh machine fetches.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from release.dist import DIST
from release.environments import made

CHOICES: Final = ("", "[run]", "[run,prices]", "[embedded,run]", "[demo]")
_SHOWN: Final = 6


def weighed(extras: str, wheel: Path) -> dict[str, Any]:
    """Install with these extras; the size of all, and of the largest, in MB."""
    begin = time.monotonic()
    venv = made("weigh", Path(sys.executable), f"rvbbit-otel{extras} @ {wheel.as_uri()}")
    seconds = time.monotonic() - begin
    (packages,) = (venv / "lib").glob("python*/site-packages")
    sizes = {
        found.name: sum(
            path.stat().st_size for file in found.files or () if (path := Path(str(file.locate()))).is_file()
        )
        for found in distributions(path=[str(packages)])
    }
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:_SHOWN]
    return {
        "extras": extras or "none",
        "packages": len(sizes),
        "mb": round(sum(sizes.values()) / 1e6, 1),
        "seconds": round(seconds, 1),
        "largest": {name: round(size / 1e6, 1) for name, size in largest},
    }


if __name__ == "__main__":
    (WHEEL,) = DIST.glob("*.whl")
    for choice in CHOICES:
        print(json.dumps(weighed(choice, WHEEL)), flush=True)
