"""``rvbbit-otel watch``: rules and budgets on a schedule, and a webhook for what changes."""

from __future__ import annotations

import signal
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import options, window
from rvbbit_otel.cli.budgets import checked, state_file
from rvbbit_otel.cli.output import print_json, say, tell
from rvbbit_otel.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from rvbbit_otel.storage.database import Database
    from rvbbit_otel.storage.watching import Watch


@click.command(epilog="Example: rvbbit-otel watch --every 5m --budgets budgets.toml --state budgets.state")
@click.option(
    "--every",
    callback=window.length,
    metavar="TIME",
    default="5m",
    show_default=True,
    help="The time between two looks: 30s, 5m, 1h.",
)
@click.option(
    "--last",
    "back",
    callback=window.length,
    metavar="TIME",
    default="1h",
    show_default=True,
    help="How far back a look goes.",
)
@click.option(
    "--webhook",
    envvar="RVBBIT_OTEL_WEBHOOK",
    show_envvar=True,
    metavar="URL",
    help="Gets one message for each change, as JSON; better by its variable, since arguments can be seen by all of the machine.",
)
@click.option(
    "--budgets",
    envvar="RVBBIT_OTEL_BUDGETS",
    show_envvar=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="These budgets too; each names its webhook.",
)
@state_file
@click.option("--once", is_flag=True, help="Look once and end.")
@options.dsn
@options.as_json
def watch(
    every: float,
    back: float,
    webhook: str | None,
    budgets: Path | None,
    state: Path | None,
    once: bool,
    dsn: str,
    as_json: bool,
) -> None:
    """Run every rule on a schedule, and say what changes: a rule that breaks or holds again, a store that does not answer.

    Each change is a line, with --json an object, and a message to the webhook. It ends on SIGTERM or Ctrl-C with exit status 0; with --once, 0: every
    rule holds; 1: one is broken, or a budget is over; 2: the store did not answer, or has no rows.
    """
    from rvbbit_otel.reporting.asking import verdicts
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.watching import Watch

    database = ClickHouseDatabase(dsn)
    watching = Watch(lambda: verdicts(database, str(int(time.time() - back))))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    over = _look(watching, database, webhook, budgets, state, as_json)
    if once:
        sys.exit(1 if watching.broken or over else 0 if watching.answered else 2)
    while not ended.wait(every):
        _look(watching, database, webhook, budgets, state, as_json)


def _look(
    watching: Watch, database: Database, webhook: str | None, budgets: Path | None, state: Path | None, as_json: bool
) -> bool:
    """Look once; whether a budget is over."""
    from rvbbit_otel.storage.webhooks import post

    for change in watching.look():
        now = datetime.now(timezone.utc)
        if as_json:
            print_json({"at": now, **change.message})
        else:
            say(f"{now:%Y-%m-%d %H:%M:%S} UTC  {change.text}")
        sys.stdout.flush()
        if webhook:
            post(webhook, "of the rules", change.message, lambda text: tell(f"rvbbit-otel: {text}"))
    if budgets is None:
        return False
    try:
        return any(each.over for each in checked(database, budgets, None, state))
    except ConfigurationError:
        raise
    except StoreError as error:
        tell(f"rvbbit-otel: budgets were not looked at: {error}")
        return False
