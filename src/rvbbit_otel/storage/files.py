"""The SQL files of this package."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def sql_files(folder: str, suffix: str = ".sql") -> list[Traversable]:
    """The files of one folder under ``sql/``, by name."""
    found = [each for each in (files(__package__) / "sql" / folder).iterdir() if each.name.endswith(suffix)]
    return sorted(found, key=lambda each: each.name)


def read(name: str) -> str:
    """The text of one file under ``sql/``."""
    return (files(__package__) / "sql" / name).read_text(encoding="utf-8")
