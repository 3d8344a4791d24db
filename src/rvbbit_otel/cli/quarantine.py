"""``rvbbit-otel quarantine``: requests that were acknowledged and that the tables do not take."""

from __future__ import annotations

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, say


@click.group(epilog="Example: rvbbit-otel quarantine list")
def quarantine() -> None:
    """Requests that `up` acknowledged and that its tables do not take: see them, have them tried again, or give them up."""


@quarantine.command("list", epilog="Example: rvbbit-otel quarantine list --json")
@options.dsn
@options.as_json
def list_(dsn: str, as_json: bool) -> None:
    """Show them, oldest first."""
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.quarantine import COLUMNS, quarantined

    found = quarantined(ClickHouseDatabase(dsn))
    if as_json:
        print_json(found)
    elif found:
        print_table(COLUMNS, [tuple(each.values()) for each in found])
    else:
        say("nothing is in quarantine")


@quarantine.command(epilog="Example: rvbbit-otel quarantine retry 00000003-00000042")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@options.dsn
def retry(names: tuple[str, ...], everything: bool, dsn: str) -> None:
    """Have requests tried again now: what the store is at fault for is tried again by itself, every five minutes at least."""
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.quarantine import quarantined
    from rvbbit_otel.storage.quarantine import retry as retry_stored

    database = ClickHouseDatabase(dsn)
    chosen = _chosen(names, everything, quarantined(database))
    retry_stored(database, chosen)
    say(f"{len(chosen)} requests are tried again")


@quarantine.command(epilog="Example: rvbbit-otel quarantine drop 00000003-00000042")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@options.dsn
def drop(names: tuple[str, ...], everything: bool, dsn: str) -> None:
    """Remove requests for good, with the spans in them."""
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.quarantine import drop as drop_stored
    from rvbbit_otel.storage.quarantine import quarantined

    database = ClickHouseDatabase(dsn)
    chosen = _chosen(names, everything, quarantined(database))
    drop_stored(database, chosen)
    say(f"{len(chosen)} requests are removed")


def _chosen(names: tuple[str, ...], everything: bool, found: list[dict[str, object]]) -> list[str]:
    known = [str(each["name"]) for each in found]
    if everything == bool(names):
        raise click.UsageError("name requests of `rvbbit-otel quarantine list`, or say --all")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(
            f"{unknown[0]!r} is not in quarantine; {', '.join(known[:5]) or 'nothing'} {'are' if len(known) > 1 else 'is'}"
        )
    return known if everything else list(names)
