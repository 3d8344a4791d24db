"""The commands that show callers in a terminal: show, trace, tail, report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rvbbit_otel.cli import options, window
from rvbbit_otel.cli.callers_output import account_json, print_account, print_node, print_report, print_row, row_json
from rvbbit_otel.cli.completion import caller_names
from rvbbit_otel.cli.output import print_json, safe, say, tell

if TYPE_CHECKING:
    from rvbbit_otel.reporting.report import Report
    from rvbbit_otel.storage.accounts import Account
    from rvbbit_otel.storage.database import Database

# Seconds between two looks of --follow and of tail.
_PAUSE: Final = 1.0
# A row may arrive so many seconds after it began, so tail looks back as far.
_LATE: Final = 120
_last: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--last",
    callback=window.last,
    metavar="TIME",
    help="Only the last seconds, minutes, hours or days: 90s, 30m, 24h, 7d.",
)
_caller: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--caller", metavar="CALLER", default="", shell_complete=caller_names, help="Only rows of this caller."
)


@click.command(epilog="Example: rvbbit-otel show sql-keen-wren-055787 --follow")
@click.argument("caller", shell_complete=caller_names)
@click.option("--follow", is_flag=True, help="Show it again whenever it changes, until Ctrl-C.")
@_last
@options.dsn
@options.as_json
def show(caller: str, follow: bool, last: window.Window | None, dsn: str, as_json: bool) -> None:
    """Show one caller: what it asked, what it left behind and cost, how that is known, its sessions and models.

    Exit status 0: it is shown; 2: the store has no row of this caller.
    """
    from rvbbit_otel.storage.accounts import EVER, account
    from rvbbit_otel.storage.client import ClickHouseDatabase

    database = ClickHouseDatabase(dsn)
    since = last.value if last else EVER
    found = account(database, caller, since)
    if found is None and not follow:
        _no_rows(caller, last)
    for seen in _changes(lambda: account(database, caller, since), found, follow):
        if seen is None:
            tell(f"rvbbit-otel: no row of {safe(caller)} yet")
        elif as_json:
            print_json(account_json(seen))
            sys.stdout.flush()
        else:
            print_account(seen)


@click.command(epilog="Example: rvbbit-otel trace sql-keen-wren-055787")
@click.argument("caller", shell_complete=caller_names)
@_last
@options.dsn
@options.as_json
def trace(caller: str, last: window.Window | None, dsn: str, as_json: bool) -> None:
    """Show the work of one caller as a tree over all its sessions and traces, with time, dollars and how each row's caller is known.

    Exit status 0: it is shown; 2: the store has no row of this caller.
    """
    from rvbbit_otel.reporting.tree import tree_of
    from rvbbit_otel.storage.accounts import EVER, MOST_ROWS, rows_of
    from rvbbit_otel.storage.client import ClickHouseDatabase

    # Without a name, the question would be about all callers.
    rows = rows_of(ClickHouseDatabase(dsn), caller, last.value if last else EVER) if caller else []
    if not rows:
        _no_rows(caller, last)
    if len(rows) == MOST_ROWS:
        tell(f"rvbbit-otel: only the first {MOST_ROWS:,} rows are shown; --last shows a shorter time")
    nodes = tree_of(rows)
    if as_json:
        print_json([{**vars(node), "cost": f"{node.cost:f}"} for node in nodes])
        return
    for node in nodes:
        print_node(node)


@click.command(epilog="Example: rvbbit-otel tail --caller web-123 --last 5m")
@_caller
@_last
@click.option("--once", is_flag=True, help="Print what there is and end.")
@options.dsn
@options.as_json
def tail(caller: str, last: window.Window | None, once: bool, dsn: str, as_json: bool) -> None:
    """Print rows as they arrive, oldest first, until Ctrl-C: a line each, or with --json an object a line."""
    from rvbbit_otel.storage.client import ClickHouseDatabase

    database = ClickHouseDatabase(dsn)
    since = int(last.value) if last else int(time.time())
    for row in arriving(database, caller, since, None if once else lambda: time.sleep(_PAUSE)):
        if as_json:
            print_json(row_json(row))
            sys.stdout.flush()
        else:
            print_row(row)


@click.command(epilog="Example: rvbbit-otel report --last 24h --format html --output report.html")
@_caller
@_last
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "html", "json", "csv"]),
    default="terminal",
    show_default=True,
    help="html is one file that needs no other; csv has a line a caller.",
)
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@options.dsn
def report(caller: str, last: window.Window | None, form: str, as_json: bool, output: Path | None, dsn: str) -> None:
    """Report on a time: callers with their dollars, what nobody claims, models, how callers are known, and every rule.

    Exit status 0: it is reported, and every rule holds; 1: a rule is broken, which the report says; 2: it could not be done.
    """
    from rvbbit_otel.errors import ConfigurationError
    from rvbbit_otel.reporting.asking import report_on
    from rvbbit_otel.storage.accounts import EVER
    from rvbbit_otel.storage.client import ClickHouseDatabase

    since, period = (last.value, f"since {last.text}") if last else (EVER, "all rows")
    made = report_on(ClickHouseDatabase(dsn), caller, since, period)
    form = "json" if as_json else form
    if form == "terminal":
        if output is not None:
            raise click.UsageError("--output goes with a --format that is for files: markdown, html, json, csv")
        print_report(made)
    else:
        text = _formed(made, form)
        if output is None:
            say(text.rstrip("\n"))
        else:
            try:
                output.write_text(text, encoding="utf-8", newline="")
            except OSError as error:
                raise ConfigurationError(f"--output {output} can't be written: {error.strerror}") from error
            tell(f"rvbbit-otel: {output} is written: {made.summary}")
    sys.exit(1 if any(holds is False for _, holds in made.rules) else 0)


def arriving(database: Database, caller: str, since: int, pause: Callable[[], None] | None) -> Iterator[dict[str, Any]]:
    """Rows that began at `since` or later, each once, as they arrive; `pause` waits between two looks, None ends after the first."""
    from rvbbit_otel.storage.accounts import rows_of

    seen: dict[tuple[str, str], float] = {}
    while True:
        for row in rows_of(database, caller, str(since)):
            key = (row["trace_id"], row["span_id"])
            if key not in seen:
                yield row
            seen[key] = row["timestamp"].timestamp()
        if pause is None:
            return
        latest = max(seen.values(), default=since)
        since = max(since, int(latest) - _LATE)
        seen = {key: at for key, at in seen.items() if at >= since}
        pause()


def _changes(ask: Callable[[], Account | None], found: Account | None, follow: bool) -> Iterator[Account | None]:
    yield found
    while follow:
        time.sleep(_PAUSE)
        now = ask()
        if now != found:
            found = now
            yield now


def _no_rows(caller: str, last: window.Window | None) -> None:
    since = f" since {last.text}" if last else ""
    tell(
        f"rvbbit-otel: there is no row of caller {safe(caller)}{since}; `rvbbit-otel report` lists the callers that there are"
    )
    sys.exit(2)


def _formed(report: Report, form: str) -> str:
    import json

    if form == "json":
        return json.dumps(report.as_json(), ensure_ascii=True, allow_nan=False)
    return {"markdown": report.as_markdown, "html": report.as_html, "csv": report.as_csv}[form]()
