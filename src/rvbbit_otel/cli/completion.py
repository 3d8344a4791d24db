"""``rvbbit-otel completion``: what a shell reads to complete the commands, their options and the names of audits and runners."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import CompletionItem, get_completion_class

_VARIABLE = "_RVBBIT_OTEL_COMPLETE"


@click.command(epilog="Example: rvbbit-otel completion bash > ~/.local/share/bash-completion/completions/rvbbit-otel")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL, to be kept where it reads such scripts.

    \b
    bash: rvbbit-otel completion bash > ~/.local/share/bash-completion/completions/rvbbit-otel
    zsh:  rvbbit-otel completion zsh > a folder of $fpath, as _rvbbit-otel
    fish: rvbbit-otel completion fish > ~/.config/fish/completions/rvbbit-otel.fish
    """
    from rvbbit_otel.cli import cli

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"click knows no completion of {shell}")
    sys.stdout.write(made(cli, {}, "rvbbit-otel", _VARIABLE).source())


def audit_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The audits that begin so, each with its title."""
    from rvbbit_otel.storage.audits import load_audits

    return [
        CompletionItem(audit.name, help=audit.title) for audit in load_audits() if audit.name.startswith(incomplete)
    ]


def runner_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runners that begin so; nothing of them is imported."""
    from rvbbit_otel.instrumentation.runners import names

    return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


def caller_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The latest callers that begin so; none where no store answers at once."""
    from rvbbit_otel.cli.options import DEFAULT_DSN
    from rvbbit_otel.errors import RvbbitOtelError
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.files import read

    dsn = context.params.get("dsn") or os.environ.get("RVBBIT_OTEL_DSN") or DEFAULT_DSN
    try:
        database = ClickHouseDatabase(dsn, connect_seconds=1, answer_seconds=2)
        rows = database.query(read("accounts/names.sql"), {"begin": incomplete}).rows
    except RvbbitOtelError:
        return []
    return [CompletionItem(str(name), help=str(origin)) for name, origin in rows]
