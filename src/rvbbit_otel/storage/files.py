"""The SQL files of this package."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


# A line that another file stands for: what more than one statement says is written once.
_INCLUDE: Final = re.compile(r"^ *-- include (\S+)$", re.M)


def sql_files(folder: str, suffix: str = ".sql") -> list[Traversable]:
    """The files of one folder under ``sql/``, by name."""
    found = [each for each in (files(__package__) / "sql" / folder).iterdir() if each.name.endswith(suffix)]
    return sorted(found, key=lambda each: each.name)


def read(name: str) -> str:
    """The text of one file under ``sql/``."""
    return text_of(files(__package__) / "sql" / name)


def text_of(file: Traversable) -> str:
    """The text of a file, with those that it includes."""
    return _INCLUDE.sub(lambda line: read(line[1]).strip(), file.read_text(encoding="utf-8"))
