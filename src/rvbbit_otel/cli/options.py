"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from rvbbit_otel.cli.arguments import wipe

DEFAULT_DSN = "http://127.0.0.1:8123/default"


def _without_password(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None  # What it can't be is said later.
    if password:
        wipe(password)
    return value


dsn: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--dsn",
    envvar="RVBBIT_OTEL_DSN",
    default=DEFAULT_DSN,
    show_default=True,
    show_envvar=True,
    callback=_without_password,
    help="The store: http://user:password@host:8123/database (https, clickhouse and clickhouses too).",
)
cluster: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--cluster",
    envvar="RVBBIT_OTEL_CLUSTER",
    show_envvar=True,
    metavar="NAME",
    help="The store is this cluster of ClickHouse's configuration: Replicated and Distributed tables.",
)
as_json: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON value on standard output."
)
