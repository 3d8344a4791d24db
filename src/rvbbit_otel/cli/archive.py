"""``rvbbit-otel export`` and ``import``: one caller as a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rvbbit_otel import __version__
from rvbbit_otel.cli import options
from rvbbit_otel.cli.completion import caller_names
from rvbbit_otel.cli.output import print_json, safe, say, tell


@click.command(epilog="Example: rvbbit-otel export sql-keen-wren-055787 --output query.sqlite")
@click.argument("caller", shell_complete=caller_names)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The file. [default: CALLER.sqlite]")
@options.dsn
@options.as_json
def export(caller: str, output: Path | None, dsn: str, as_json: bool) -> None:
    """Write one caller to a file that opens without this package: an SQLite database of its rows, sessions, spans and of what each rule said.

    `sqlite3 FILE 'SELECT * FROM unified_logs'` reads it, and `rvbbit-otel import FILE` sends its spans to another store.
    """
    from rvbbit_otel.attribution.caller import parse_caller_id
    from rvbbit_otel.storage.archive import export_caller
    from rvbbit_otel.storage.client import ClickHouseDatabase

    file = output or Path(f"{parse_caller_id(caller).replace(':', '_')}.sqlite")
    counts = export_caller(ClickHouseDatabase(dsn), caller, file, __version__, _progress)
    if as_json:
        print_json({"file": str(file), "caller_id": caller, "rows": counts})
    else:
        say(f"{file}: " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))


@click.command("import", epilog="Example: rvbbit-otel import query.sqlite --dsn http://127.0.0.1:8123/default")
@click.argument("file", type=click.Path(path_type=Path))
@options.dsn
@options.as_json
def import_(file: Path, dsn: str, as_json: bool) -> None:
    """Send the spans of a file of `export` to a store. What is there already is not stored again, so it may be done twice."""
    from rvbbit_otel.storage.archive import import_caller
    from rvbbit_otel.storage.client import ClickHouseDatabase

    caller, sent = import_caller(ClickHouseDatabase(dsn), file, _progress)
    if as_json:
        print_json({"file": str(file), "caller_id": caller, "spans": sent})
    else:
        say(f"{sent:,} spans of {safe(caller)} were sent: rvbbit-otel show {safe(caller)}")


def _progress(what: str, rows: int) -> None:
    if sys.stderr.isatty():
        tell(f"... {rows:,} {what}")
