"""A provider's figures for one time, model and key: the same record whatever the file looked like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Final

from rvbbit_otel.errors import ConfigurationError

# A long call has some millions of tokens, a day of a large organization some trillions: what is beyond is no count.
_MOST: Final = Decimal(10) ** 18
USAGE: Final = frozenset({"calls", "tokens_in", "tokens_out"})
COST: Final = frozenset({"cost"})


@dataclass(frozen=True)
class Figures:
    """Usage figures; None: not reported. `tokens_in` includes those of the cache, `cost` is in dollars."""

    calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None

    def items(self) -> list[tuple[str, int | Decimal | None]]:
        """Each figure by its name."""
        return [(each.name, getattr(self, each.name)) for each in fields(self)]


@dataclass(frozen=True)
class Entry:
    """One statement of an export: from `begin` until before `end` (UTC, within one day), for a model, an API key and a project ('': not said).

    `kind` is what it was exported from; two of one kind, time, model, key and project in two files are the same statement twice.
    `cost` may be rounded by as much as `rounding` dollars. `where` is for errors.
    """

    kind: str
    begin: datetime
    end: datetime
    figures: Figures
    where: str
    model: str = ""
    key: str = ""
    project: str = ""
    rounding: Decimal = Decimal(0)

    @property
    def day(self) -> date:
        """Its day in UTC."""
        return self.begin.date()


@dataclass(frozen=True)
class Span:
    """The coverage of one file: from `begin` until before `end`, and the names of the figures that it reports. A
    figure that is missing there is zero.
    """

    kind: str
    begin: datetime
    end: datetime
    tells: frozenset[str]
    where: str
    has_more: bool = False

    def covers(self, day: date, figure: str) -> bool:
        """Return whether the file reports that figure for that day."""
        return figure in self.tells and self.begin < midnight(day + timedelta(days=1)) and midnight(day) < self.end


@dataclass(frozen=True)
class Part:
    """The content of one document."""

    provider: str
    spans: tuple[Span, ...]
    entries: tuple[Entry, ...]


def midnight(day: date) -> datetime:
    """When a day begins in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def count(value: object, what: str) -> int | None:
    """A number of tokens or calls, None for one that is not there; raises ConfigurationError. `10.0` is ten: spreadsheets write it so."""
    number = _decimal(value, what)
    if number is None:
        return None
    if number < 0 or number != number.to_integral_value() or number > _MOST:
        raise ConfigurationError(f"{what} is {_shown(value)}: it has to be a whole number from 0 on")
    return int(number)


def dollars(value: object, what: str) -> Decimal | None:
    """An amount of money as it is written, None for one that is not there; raises ConfigurationError."""
    return _decimal(value, what)


def text(record: Mapping[str, object], *names: str) -> str:
    """The first of these that is a text, '' without one."""
    return next((value.strip() for name in names if isinstance(value := record.get(name), str) and value.strip()), "")


def moment(value: object, what: str) -> datetime:
    """Seconds since 1970, or a time in ISO 8601 (UTC where no zone is named), or a day; raises ConfigurationError."""
    written = str(value).strip()
    try:
        if re.fullmatch(r"-?[0-9]+(?:\.0+)?", written):
            return datetime.fromtimestamp(int(written.partition(".")[0]), timezone.utc)
        # Python 3.10 does not read the Z of RFC 3339.
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", written))
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(
            f"{what} is {_shown(value)}: it has to be a time, as 2026-11-01 or 1793491200"
        ) from None
    return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found.astimezone(timezone.utc)


def within_a_day(begin: datetime, end: datetime, what: str) -> None:
    """Raise ConfigurationError for what is more than a day of UTC: nobody can say which part of it was on which."""
    if not begin < end or end > midnight(begin.date() + timedelta(days=1)):
        raise ConfigurationError(
            f"{what} goes from {begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}, which is not within one day of UTC: "
            "export it by day, hour or minute (bucket_width=1d)"
        )


def _decimal(value: object, what: str) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or abs(number) > _MOST:
        raise ConfigurationError(
            f"{what} is {_shown(value)}: it has to be a number, with a point and no separators of thousands"
        )
    return number


def _shown(value: object) -> str:
    return repr(value if isinstance(value, str) else str(value))[:64]
