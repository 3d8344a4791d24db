"""The chain from a runner to the store, link by link: what is wired, what is not, and what to do."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rvbbit_otel.errors import RvbbitOtelError
from rvbbit_otel.instrumentation.runners import installed
from rvbbit_otel.settings import Settings
from rvbbit_otel.storage.audits import find_audit, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.migrations import pending
from rvbbit_otel.telemetry import Counters


@dataclass(frozen=True)
class Link:
    """One link of the chain. `remedy` is empty where nothing is to be done."""

    name: str
    state: Literal["ok", "note", "broken"]
    seen: str
    remedy: str = ""


def examine(dsn: str, environ: Mapping[str, str] = os.environ) -> list[Link]:
    """Every link, first to last; never raises."""
    links = [_settings(environ), _distro(environ), _instrumentor(environ), _endpoint(environ)]
    links += _runners()
    links += _store(dsn)
    return links


def _settings(environ: Mapping[str, str]) -> Link:
    _, problems = Settings.lenient(environ)
    if problems:
        return Link("settings", "broken", "; ".join(problems), "correct the variables named")
    return Link("settings", "ok", "every OTEL_PYTHON_RVBBIT_* variable is known")


def _distro(environ: Mapping[str, str]) -> Link:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Link("SDK", "broken", "OTEL_SDK_DISABLED=true", "unset it: nothing is recorded while it is set")
    found = sorted(
        {
            point.name + " of " + (point.dist.name if point.dist else "?")
            for point in importlib.metadata.entry_points(group="opentelemetry_distro")
        }
    )
    if not found:
        return Link(
            "SDK", "broken", "no distro is installed, so no launcher sets an SDK up", "pip install 'rvbbit-otel[run]'"
        )
    if len(found) > 1 and not environ.get("OTEL_PYTHON_DISTRO"):
        return Link(
            "SDK",
            "note",
            f"several distros: {', '.join(found)}",
            "name one by OTEL_PYTHON_DISTRO, or the first one found is taken",
        )
    return Link("SDK", "ok", ", ".join(found))


def _instrumentor(environ: Mapping[str, str]) -> Link:
    disabled = {name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    if disabled & {"rvbbit", "*"}:
        return Link(
            "instrumentation", "broken", "rvbbit is in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "take it out of the list"
        )
    if not importlib.metadata.entry_points(group="opentelemetry_instrumentor", name="rvbbit"):
        return Link(
            "instrumentation",
            "broken",
            "the entry point rvbbit is not installed",
            "install rvbbit-otel in this environment",
        )
    return Link("instrumentation", "ok", "the entry point rvbbit is installed and enabled")


def _endpoint(environ: Mapping[str, str]) -> Link:
    address = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if address is None:
        return Link("endpoint", "ok", "OTLP goes to http://127.0.0.1:4317, the default of `rvbbit-otel run`")
    return Link("endpoint", "ok", f"OTLP goes to {re.sub('//[^/@]*@', '//***@', address)}")


def _runners() -> Iterator[Link]:
    for spec in installed(Counters()).values():
        if importlib.util.find_spec(spec.module.partition(".")[0]) is None:
            yield Link(f"runner {spec.name}", "note", f"{spec.module} is not installed here")
            continue
        missing = [hook.target for hook in spec.hooks if not _exists(hook.target)]
        if missing:
            lost = f"{len(missing)} of {len(spec.hooks)} hook points are missing: {', '.join(missing)}"
            yield Link(
                f"runner {spec.name}",
                "broken",
                lost,
                "the runner's version differs from the spec's: what hangs on these is not attributed",
            )
        else:
            yield Link(f"runner {spec.name}", "ok", f"{len(spec.hooks)} hook points found")


def _exists(target: str) -> bool:
    module, _, qualname = target.partition(":")
    try:
        found: object = importlib.import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return False
    return True


def _store(dsn: str) -> list[Link]:
    database = ClickHouseDatabase(dsn)
    checks: tuple[tuple[str, Callable[[], Link]], ...] = (
        (
            "store",
            lambda: Link(
                "store", "ok", f"version {database.query(read('version.sql')).rows[0][0]} at {database.address}"
            ),
        ),
        ("schema", lambda: _schema(database)),
        ("coverage", lambda: _coverage(database)),
    )
    links = []
    for name, check in checks:
        try:
            links.append(check())
        except RvbbitOtelError as error:
            links.append(Link(name, "broken", str(error), "start the store, or name it with --dsn"))
            break
    return links


def _schema(database: ClickHouseDatabase) -> Link:
    steps = pending(database)
    if steps:
        return Link("schema", "broken", f"{len(steps)} migrations are pending", "rvbbit-otel migrate")
    return Link("schema", "ok", "up to date")


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
