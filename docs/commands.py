"""Writes docs/reference/commands.md from the commands themselves: ``python docs/commands.py``; with ``--check`` it only compares."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from rvbbit_otel.cli import cli

PAGE: Final = Path(__file__).parent / "reference" / "commands.md"
_BEGIN: Final = """# Commands

Made from the commands themselves by `python docs/commands.py`. Every command has `--help`. Exit status: 0 all is well, 1 a
rule is broken, 2 it could not be done. Rows and results go to standard output, remarks and progress to standard error.
"""


def page() -> str:
    """The whole page."""
    parts = [_BEGIN]
    for names, command in _commands(cli, ()):
        parts.append(_section(" ".join(names), command))
    return "\n".join(parts)


def _commands(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in sorted(group.commands.items()):
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*above, name))


def _section(name: str, command: click.Command) -> str:
    arguments = " ".join(
        each.make_metavar(_context(command)) for each in command.params if isinstance(each, click.Argument)
    )
    usage = f"rvbbit-otel {name} {arguments}".rstrip()
    lines = [f"## {name}", "", f"`{usage}`", "", _text(command.help or ""), ""]
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    if options:
        lines += ["| option | meaning |", "|---|---|", *(_option(each, command) for each in options), ""]
    example = (command.epilog or "").removeprefix("Example: ")
    return "\n".join([*lines, "```sh", example, "```", ""] if example else lines)


def _option(option: click.Option, command: click.Command) -> str:
    record = option.get_help_record(_context(command))
    names, meaning = record if record else (", ".join(option.opts), "")
    return f"| `{names.replace('|', ', ')}` | {_cell(meaning)} |"


def _text(text: str) -> str:
    """Paragraphs as they are; those that click is told to leave as they are, as code."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        fixed = paragraph.lstrip().startswith("\b")
        body = textwrap.dedent(paragraph.lstrip().removeprefix("\b").strip("\n"))
        parts.append(f"```text\n{body}\n```" if fixed else " ".join(body.split()))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _context(command: click.Command) -> click.Context:
    return click.Context(command, info_name=command.name)


def main(check: bool) -> int:
    """Write the page, or say whether it is as it would be written."""
    made = page()
    if check:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made else 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
