"""Each name that a user can meet is documented."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from rvbbit_otel import attributes
from rvbbit_otel.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_every_attribute_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "attributes.md").read_text()
    names = [value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [source for source in attributes.SOURCES if f"`{source}`" not in text] == []


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    lines = (DOCS / "reference" / "settings.md").read_text().splitlines()
    for field in fields(Settings):
        (line,) = [line for line in lines if line.startswith(f"| `{PREFIX}{field.name.upper()}` |")]
        if field.default != ():
            shown = str(field.default).lower().removesuffix(".0")
            assert f"| `{shown}` |" in line
