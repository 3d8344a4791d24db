"""``rvbbit-otel reshard``: another number of shards."""

from __future__ import annotations

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, tell


@click.command(
    epilog="Example: rvbbit-otel reshard --cluster prod --to prod_6 --dsn https://admin:secret@clickhouse.example.com/rvbbit"
)
@options.cluster
@click.option(
    "--to",
    "target",
    required=True,
    metavar="NAME",
    help="The cluster with the other number of shards; its nodes have our tables already.",
)
@options.dsn
@options.as_json
def reshard(cluster: str | None, target: str, dsn: str, as_json: bool) -> None:
    """Deal all rows out again over the shards of another cluster, and prove every sum before anything is given up.

    Inserts go on while the rows are copied; then they are refused, and kept by the collectors, while what came meanwhile is copied and both sides are
    compared. Questions are answered all the time, from one side or the other. Cut off, run it again. It needs as much disk again as the rows take.
    """
    from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at
    from rvbbit_otel.storage.reshard import DEALT, Reshard

    if cluster is None:
        raise click.UsageError("reshard goes from a cluster to another: name the one that is in use with --cluster")
    if cluster == target:
        raise click.UsageError(
            f"{cluster} is both: a cluster of another number of shards has another name (docs/how-to/run-on-a-cluster.md)"
        )
    # A copy or a proof of one table may take hours.
    database = ClickHouseDatabase(dsn, answer_seconds=86_400)
    dealt = ClickHouseDatabase(dsn, suffix=DEALT, answer_seconds=86_400)
    proven = Reshard(
        cluster_at(cluster, dsn, database),
        cluster_at(target, dsn, database),
        dealt,
        lambda text: tell(f"rvbbit-otel: {text}"),
    ).run()
    if as_json:
        print_json(proven)
    else:
        print_table(("table", "proven, each once"), sorted(proven.items()))
