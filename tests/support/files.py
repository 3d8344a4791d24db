"""Where the files of a deployment lie, and reading them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def statements(path: Path) -> list[str]:
    """The statements of a SQL file, without comments; each ends with a semicolon at the end of a line."""
    text = re.sub(r"^--.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    return [each.strip() for each in re.split(r";\n", text) if each.strip()]


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
