"""The mutants that no test kills, with the reason why that is right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE: Final = Path(__file__).with_name("survivors.toml")


def listed() -> dict[tuple[str, str, str, str], str]:
    """The reason, by `Mutant.name`."""
    if not _FILE.exists():
        return {}
    found = {}
    for group in tomllib.loads(_FILE.read_text())["group"]:
        for module, within, before, after in group["mutants"]:
            found[module, within, before, after] = group["reason"]
    return found
