"""Each name that a user can meet is documented."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from rvbbit_otel import attributes
from rvbbit_otel.cli import cli
from rvbbit_otel.instrumentation.launcher import environment_for
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
        if field.default not in ((), ""):
            shown = str(field.default).lower().removesuffix(".0")
            assert f"| `{shown}` |" in line


def test_every_default_of_run_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    for name, value in environment_for(["x"], {}).items():
        lines = [line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line]
        if name != "PYTHONPATH":
            assert len(lines) == 1, name
            assert name == "OTEL_SERVICE_NAME" or f"`{value}`" in lines[0]


def test_every_variable_of_a_command_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    named = {
        (option.envvar, option.opts[0])
        for command in cli.commands.values()
        for option in command.params
        if isinstance(option, click.Option) and option.envvar
    }
    assert named
    assert [(variable, name) for variable, name in named if f"| `{variable}` | `{name}` |" not in text] == []


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.rglob("*.md")), *sorted(DOCS.parent.glob("*.md"))], ids=lambda page: page.name
)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_and_an_example(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    assert (command.epilog or "").startswith(f"Example: rvbbit-otel {name}")
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []
