"""Set how long rows are kept: one number of days for every table that holds what was sent."""

from __future__ import annotations

from typing import Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.cluster import Cluster, on_cluster
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

# By table. Each writes the life of its rows anew, and drops what is past it.
_STATEMENTS: Final = {
    file.name[5:].removesuffix(".sql"): text_of(file).strip() for file in sql_files("keep") if file.name[:4].isdigit()
}
# More than a store of ours lives; less than what a DateTime holds.
_MOST_DAYS: Final = 36_500


def keep(database: Database, days: int, cluster: Cluster | None = None) -> list[str]:
    """Keep rows for so many days, and give the tables for which that is new. Raises StoreError, ConfigurationError."""
    if not 1 <= days <= _MOST_DAYS:
        raise ConfigurationError(f"rows are kept for {days} days; it is 1 to {_MOST_DAYS}")
    place = cluster.shard if cluster else database
    kept = {str(table): int(str(known)) for table, known in place.query(read("keep/kept.sql")).rows}
    changed = [table for table in _STATEMENTS if kept.get(table) != days]
    for table in changed:
        statement = _STATEMENTS[table]
        place.command(on_cluster(statement, cluster.name) if cluster else statement, {"days": days})
    return changed
