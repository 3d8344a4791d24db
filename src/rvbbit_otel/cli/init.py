"""``rvbbit-otel init``: a commented configuration to begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from rvbbit_otel.cli.output import say

_DESCRIBED: Final = {"runner": "rvbbit-runner.toml", "application": "rvbbit.env", "collector": "collector.yaml"}


@click.command(epilog="Example: rvbbit-otel init application --output rvbbit.env")
@click.argument("what", type=click.Choice(list(_DESCRIBED)))
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; - for standard output. [default: by WHAT]",
)
def init(what: str, output: Path | None) -> None:
    """Write a commented configuration: of a SQL runner (a RunnerSpec), an application (environment variables), or a collector.

    A file that is there is never written over.
    """
    text = TEXTS[what]()
    if str(output) == "-":
        say(text.rstrip("\n"))
        return
    file = output or Path(_DESCRIBED[what])
    from rvbbit_otel.errors import ConfigurationError

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{file} is there already: name another with --output, or - to see it") from None
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}") from error
    say(f"{file} is written; its first lines say how it is used")


def application() -> str:
    """The variables of an instrumented program, each setting with its default, as a file for a shell."""
    from rvbbit_otel.settings import PREFIX, Settings

    meanings = _meanings(Settings.__doc__ or "")
    lines = [
        "# Variables of a program that rvbbit-otel instruments. What is commented out is the default.",
        "#   set -a; . ./rvbbit.env; set +a; rvbbit-otel run -- python my_app.py",
        "# In code, for work that no runner or web framework names:  with rvbbit_otel.called_by('web-123', {'route': '/ask'}): ...",
        "",
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317   # `rvbbit-otel up`, or a collector",
        "OTEL_SERVICE_NAME=my-app",
    ]
    for field in fields(Settings):
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        lines += ["", f"# {meanings[field.name]}", f"# {PREFIX}{field.name.upper()}={shown}"]
    return "\n".join(lines) + "\n"


def _meanings(text: str) -> Mapping[str, str]:
    """Return the meaning of each setting, in one line, from the docstring of the settings."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        word, colon, rest = line.strip().partition(": ")
        if colon and word.isidentifier():
            name = word
            found[name] = rest
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _template(name: str) -> str:
    return (files("rvbbit_otel.cli") / "templates" / name).read_text(encoding="utf-8")


TEXTS: Final[Mapping[str, Callable[[], str]]] = {
    "runner": lambda: _template("runner.toml"),
    "application": application,
    "collector": lambda: _template("collector.yaml"),
}
