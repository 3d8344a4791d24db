"""The chain from a runner to the store, link by link: what is wired, what is not, and what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from rvbbit_otel.doctor import environment, probe, runners
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.doctor.store import store
from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at

__all__ = ["Link", "examine", "examine_runners"]


def examine(
    dsn: str, environ: Mapping[str, str] = os.environ, send_probe: bool = True, cluster: str | None = None
) -> list[Link]:
    """Every link, first to last; of a cluster its nodes too. Raises ConfigurationError for a DSN that can't be one, and nothing else."""
    database = ClickHouseDatabase(dsn)
    links = environment.links(environ)
    links += runners.known(environ)
    links.append(probe.endpoint(environ))
    links += store(database, cluster_at(cluster, dsn, database) if cluster else None)
    if send_probe:
        links.append(probe.probe(database, environ, links))
    return [link.masked(environ) for link in links]


def examine_runners(names: Sequence[str], files: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[Link]:
    """These runners only, and these files. A runner that is not installed here is a broken link; raises SpecError for a spec that can't be used."""
    links = [runners.asked_for("name", name, environ) for name in names]
    links += [runners.asked_for("file", file, environ) for file in files]
    return [link.masked(environ) for link in links]
