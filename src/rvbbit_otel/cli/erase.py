"""``rvbbit-otel erase``: everything of a caller or a session leaves the store, and stays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.erase import Subject

_SHOWN = 20


@click.command(epilog="Example: rvbbit-otel erase --metadata user=ann && rvbbit-otel erase --metadata user=ann --yes")
@click.argument("caller", required=False)
@click.option("--session", metavar="ID", help="All of a session, whoever its callers are.")
@click.option("--metadata", metavar="KEY=VALUE", help="All callers whose metadata says so.")
@click.option("--yes", is_flag=True, help="Erase. Without it nothing is changed, and what would be is shown.")
@options.cluster
@options.dsn
@options.as_json
def erase(
    caller: str | None,
    session: str | None,
    metadata: str | None,
    yes: bool,
    cluster: str | None,
    dsn: str,
    as_json: bool,
) -> None:
    """Erase all that CALLER, a session, or callers by their metadata left behind: in every table, in what other rows say of them, and in files.

    What is sent again later stays out: the store keeps a hash of each id that was erased. Sessions that are of one of these callers alone are erased
    with the rows in them that nobody claims. The audit erased-data-present shows that nothing is left.
    """
    from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at
    from rvbbit_otel.storage.erase import erase as erase_stored
    from rvbbit_otel.storage.erase import look

    database = ClickHouseDatabase(dsn)
    subjects = _subjects(database, caller, session, metadata)
    place = cluster_at(cluster, dsn, database) if cluster else None
    found = erase_stored(database, subjects, place) if yes else look(database, subjects)
    if as_json:
        print_json(
            {
                "erased": yes,
                "subjects": [{"kind": each.kind, "id": each.id} for each in found.subjects],
                "rows": [{"in_table": table, "done": done, "rows": rows} for table, done, rows in found.rows],
            }
        )
        return
    for each in found.subjects[:_SHOWN]:
        say(f"{each.kind} {each.id}")
    if len(found.subjects) > _SHOWN:
        say(f"and {len(found.subjects) - _SHOWN} more")
    print_table(("in_table", "done" if yes else "to be done", "rows"), found.rows)
    say(
        "erased; what is sent again stays out. `rvbbit-otel audit erased-data-present` shows it"
        if yes
        else "nothing was changed: --yes erases this, and what is held in files and samples"
    )


def _subjects(
    database: ClickHouseDatabase, caller: str | None, session: str | None, metadata: str | None
) -> list[Subject]:
    from rvbbit_otel.attribution.caller import parse_caller_id, parse_session_id
    from rvbbit_otel.storage.erase import Subject, callers_with

    if sum(each is not None for each in (caller, session, metadata)) != 1:
        raise click.UsageError("name one of these: a CALLER, --session ID, --metadata KEY=VALUE")
    if caller is not None:
        return [Subject("caller", parse_caller_id(caller))]
    if session is not None:
        return [Subject("session", parse_session_id(session))]
    key, equals, value = str(metadata).partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{metadata!r} is not KEY=VALUE", param_hint="--metadata")
    return callers_with(database, key, value)
