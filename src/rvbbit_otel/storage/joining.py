"""Make on every node what some of them lack: a node that joined later, or one on which a statement failed.

Tables are made as the other nodes have them now, and not by the migrations' files again: Keeper refuses a replica with the columns of an older
version, and an older query of a view would stand in the others for a moment. ``IF NOT EXISTS`` leaves those that have the table as they are.
"""

from __future__ import annotations

from rvbbit_otel.storage import landing, nodes
from rvbbit_otel.storage.cluster import LANDING, LANDING_IN_FRONT, Cluster
from rvbbit_otel.storage.files import read


def make_missing(cluster: Cluster) -> list[nodes.Name]:
    """Make what any node that answers lacks, and return it; without anything to make, nothing is changed. Raises StoreError."""
    seen = [node for node in nodes.look(cluster) if node.answers]
    expected = nodes.usual(seen)
    missing = {name for node in seen for name in expected if name not in node.definitions}
    shut = {name for node in seen for name, text in node.definitions.items() if nodes.is_closed(text)}
    if not missing | shut:
        return []
    for file in ("cluster/databases.sql", "cluster/front_database.sql"):
        cluster.front.command(cluster.fill(read(file)))
    engines = {name: engine for node in seen for name, engine in node.engines.items()}
    for place, database, gates in (
        (cluster.shard_name, cluster.shard, LANDING),
        # Fronts last: what comes in by one goes to a shard at once.
        (cluster.front_name, cluster.front, LANDING_IN_FRONT),
    ):
        here = sorted((name for name in missing if name[0] == place), key=lambda name: (_rank(engines[name]), name))
        for name in here:
            database.command(_everywhere(expected[name], cluster.name, closed=name[1] in gates))
        for statement in landing.opening(table for table in gates if (place, table) in missing | shut):
            database.command(cluster.everywhere(statement))
    return sorted(missing)


def _rank(engine: str) -> int:
    """Return the order of an object: tables, then views that are asked, then views that fill tables."""
    return {"View": 1, "MaterializedView": 2}.get(engine, 0)


def _everywhere(definition: str, cluster: str, *, closed: bool) -> str:
    """A node's definition as a statement for all nodes. A landing table is made closed, since its views are made after it."""
    if closed and not nodes.is_closed(definition):
        definition = definition.replace("(", f"({read('landing/closed.sql').strip()}, ", 1)
    return nodes.for_all(definition, cluster)
