"""The store: whether it answers, whether its schema is ours, whether all of it can be read, and whether every row in it has a caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from rvbbit_otel.doctor import figures
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.errors import RvbbitOtelError
from rvbbit_otel.storage import landing, nodes
from rvbbit_otel.storage.audits import QUARANTINED, SET_ASIDE, find_audit, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.migrations import pending


def store(database: ClickHouseDatabase, cluster: Cluster | None = None) -> list[Link]:
    """Each link of this part, up to the first that is broken in a way that leaves nothing to ask."""
    checks: tuple[tuple[str, Callable[[ClickHouseDatabase], Link]], ...] = (
        ("store", _version),
        ("schema", _schema),
        *([("nodes", lambda _: _nodes(cluster))] if cluster else []),
        ("clock", figures.clock),
        ("coverage", _coverage),
        ("rows", figures.rows),
        ("prices", figures.prices),
        ("parts", _parts),
        ("quarantine", _quarantine),
    )
    links = []
    for name, check in checks:
        try:
            links.append(check(database))
        except RvbbitOtelError as error:
            links.append(Link(name, "broken", str(error), "start the store, or name it with --dsn"))
            break
    return links


def _version(database: ClickHouseDatabase) -> Link:
    return Link("store", "ok", f"version {database.query(read('version.sql')).rows[0][0]} at {database.address}")


def _schema(database: ClickHouseDatabase) -> Link:
    steps = pending(database)
    if steps:
        return Link("schema", "broken", f"{len(steps)} migrations are pending", "rvbbit-otel migrate")
    if shut := landing.closed(database):
        return Link("schema", "broken", f"nothing is taken yet by {', '.join(shut)}", "rvbbit-otel migrate")
    return Link("schema", "ok", "up to date")


def _nodes(cluster: Cluster) -> Link:
    seen = nodes.look(cluster)
    found = nodes.differences(seen, cluster)
    if found:
        text = "; ".join(f"{each.node}: {each.seen}" for each in found[:3]) + ("; ..." if len(found) > 3 else "")
        details = {"differences": [asdict(each) for each in found]}
        return Link("nodes", "broken", text, f"rvbbit-otel migrate --cluster {cluster.name} --dry-run", details)
    return Link("nodes", "ok", f"{len(seen)} nodes of {cluster.name} answer, and have the same tables")


def _parts(database: ClickHouseDatabase) -> Link:
    rows = run_audit(database, find_audit(SET_ASIDE)).rows
    if rows:
        tables = ", ".join(sorted({str(row[0]) for row in rows}))
        seen = f"{len(rows)} damaged parts are set aside, their rows are in no answer: {tables}"
        return Link("parts", "broken", seen, f"rvbbit-otel audit {SET_ASIDE}")
    return Link("parts", "ok", "every part is read")


def _quarantine(database: ClickHouseDatabase) -> Link:
    rows = run_audit(database, find_audit(QUARANTINED)).rows
    if rows:
        seen = f"{len(rows)} requests were acknowledged and the tables do not take them"
        return Link("quarantine", "broken", seen, "rvbbit-otel quarantine list")
    return Link("quarantine", "ok", "all that was acknowledged is stored")


def _coverage(database: ClickHouseDatabase) -> Link:
    rows = {str(row[0]): int(str(row[1])) for row in run_audit(database, find_audit("coverage")).rows}
    total, unclaimed = sum(rows.values()), rows.get("none", 0)
    if unclaimed:
        return Link(
            "coverage", "broken", f"{unclaimed} of {total} rows have no caller", "rvbbit-otel audit rows-without-caller"
        )
    return Link(
        "coverage",
        "ok",
        f"{total} rows, each with its caller" if total else "no rows yet: rvbbit-otel run -- CMD sends the first",
    )
