"""The time that an audit looks at: since a moment, or the last so many hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

import click

_MOMENT: Final = "%Y-%m-%d %H:%M:%S"
_LENGTH: Final = re.compile(r"([0-9]{1,8})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# What ClickHouse's DateTime can hold, with a day to spare for the zone that a server is in.
_FIRST: Final = datetime(1970, 1, 2, tzinfo=timezone.utc)
_LAST: Final = datetime(2106, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Window:
    """A moment, as the begin of a time or its end; `text` is how a person reads that."""

    begin: datetime
    text: str

    @property
    def value(self) -> str:
        """As a parameter of a question: seconds since 1970, which mean the same in whichever zone the server is."""
        return str(int(self.begin.timestamp()))


def since(context: click.Context, option: click.Parameter, value: str | None) -> Window | None:
    """A moment, in UTC; a usage error shows what one reads like."""
    if value is None:
        return None
    try:
        moment = datetime.strptime(value, _MOMENT).replace(tzinfo=timezone.utc)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no moment; one reads like '2026-01-31 18:00:00', in UTC") from None
    if not _FIRST <= moment <= _LAST:
        raise click.BadParameter(f"{value!r} is not between {_FIRST.year} and {_LAST.year}")
    return _from(moment)


def last(context: click.Context, option: click.Parameter, value: str | None) -> Window | None:
    """A length of time up to now; a usage error shows what one reads like."""
    if value is None:
        return None
    found = _LENGTH.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r} is no length of time; one reads like 90s, 30m, 24h or 7d")
    now = datetime.now(timezone.utc)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if length > now - _FIRST:
        raise click.BadParameter(f"{value!r} goes back to before {_FIRST.year}")
    return _from(now - length)


def length(context: click.Context, option: click.Parameter, value: str) -> float:
    """A length of time in seconds; a usage error shows what one reads like."""
    found = _LENGTH.fullmatch(value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter(f"{value!r} is no length of time; one reads like 90s, 30m, 24h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds()


def _from(moment: datetime) -> Window:
    return Window(moment, f"{moment:{_MOMENT}} UTC")
