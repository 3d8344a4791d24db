"""A length of time in whole days, as ``--keep`` takes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click

_DAYS: Final = re.compile(r"([0-9]{1,5})d", re.ASCII)


def _days(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    found = _DAYS.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r} is no number of days; one reads like 30d")
    return int(found[1])


keep: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--keep",
    callback=_days,
    envvar="RVBBIT_OTEL_KEEP",
    show_envvar=True,
    metavar="DAYS",
    help="Keep rows of every table for so many days: 30d. Without it a store keeps them for as long as it did: a new one "
    "rows and sessions for 365 days, raw spans and log records for 30.",
)
