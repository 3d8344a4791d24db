"""docker-compose.yml as Compose reads it: variables filled in, then parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from compose_spec import PyOptions
from tests.support.files import ROOT

FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+):\?([^}]*)\}")


class MissingVariableError(Exception):
    """A required variable is not set, or empty."""


def variables() -> set[str]:
    """Every variable that the file asks for, all of them required; any other use of a dollar fails."""
    text = FILE.read_text(encoding="utf-8")
    assert "$" not in _VARIABLE.sub("", text)
    return {found[1] for found in _VARIABLE.finditer(text)}


def filled(values: Mapping[str, str]) -> str:
    """The file with its variables filled in; raises MissingVariableError as Compose refuses to start."""

    def value(found: re.Match[str]) -> str:
        if not values.get(found[1]):
            raise MissingVariableError(f"{found[1]}: {found[2]}")
        return values[found[1]]

    return _VARIABLE.sub(value, FILE.read_text(encoding="utf-8"))


def validated(values: Mapping[str, str]) -> dict[str, Any]:
    """The file, checked by the library for the Compose Specification; then as plain values, merge keys applied."""
    text = filled(values)
    check(text)
    whole: dict[str, Any] = yaml.safe_load(text)
    return whole


def check(text: str) -> None:
    """Raise ValueError unless the Compose Specification allows it."""
    PyOptions(apply_merge=True).from_yaml(text).validate()


def example_variables() -> dict[str, str]:
    """The names and values of .env.example."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
