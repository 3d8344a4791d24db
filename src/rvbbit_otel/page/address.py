"""The state of a page in its address: view, time range, filters, order and position. An address can be shared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlencode

from rvbbit_otel.errors import ConfigurationError

# Where all views lie, in whichever server.
ROOT: Final = "/page"
RANGES: Final = ("15m", "1h", "24h", "7d", "30d", "all")
DEFAULT_RANGE: Final = "24h"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,6})([smhd])", re.ASCII)
_MOMENTS: Final = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
_FIRST: Final = datetime(1971, 1, 1, tzinfo=timezone.utc)
_LAST: Final = datetime(2105, 1, 1, tzinfo=timezone.utc)
# What goes along from view to view.
_KEPT: Final = ("last", "from", "to")
# Bytes of an address as it is sent, and fields. What it holds goes to the store as parameters in another one, at most twice as long.
_LONGEST: Final = 30_000
_MOST: Final = 64


@dataclass(frozen=True)
class Window:
    """A range of time, in words and as a question's parameters: seconds since 1970, which mean the same in whichever zone a server is."""

    begin: datetime
    end: datetime
    words: str

    @property
    def parameters(self) -> dict[str, int]:
        """Of a question about this range: from `since` until before `until`."""
        return {"since": int(self.begin.timestamp()), "until": int(self.end.timestamp())}

    @property
    def seconds(self) -> int:
        """The length of the window."""
        return max(1, int((self.end - self.begin).total_seconds()))


@dataclass(frozen=True)
class Address:
    """One address of the page, read."""

    view: str
    given: Mapping[str, str]
    now: datetime

    def __post_init__(self) -> None:
        """Raise ConfigurationError for one that nobody clicked together."""
        if len(self.given) > _MOST or len(urlencode(self.given, errors="replace")) > _LONGEST:
            raise ConfigurationError(f"the address has over {_MOST} fields or {_LONGEST:,} bytes")

    def get(self, name: str, default: str = "") -> str:
        """A field, without blanks around it."""
        return self.given.get(name, "").strip() or default

    def one_of(self, name: str, choices: Mapping[str, object] | tuple[str, ...], default: str) -> str:
        """A field that has few values; raises ConfigurationError that names them."""
        value = self.get(name, default)
        if value not in choices:
            raise ConfigurationError(f"{name}={value[:80]!r} is none of {', '.join(choices)}")
        return value

    def number(self, name: str, default: float = 0) -> float:
        """A field that is a number; raises ConfigurationError."""
        value = self.get(name)
        try:
            number = float(value) if value else default
        except ValueError:
            number = float("nan")
        if not 0 <= number <= 1e15:
            raise ConfigurationError(f"{name}={value[:80]!r} is no number of 0 or more")
        return number

    def nanoseconds(self, name: str) -> int:
        """A field that is a moment of a row, 0 if it is not given; raises ConfigurationError."""
        value = self.get(name, "0")
        if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) < 2**63):
            raise ConfigurationError(f"{name}={value[:80]!r} is no moment of a row")
        return int(value)

    @property
    def window(self) -> Window:
        """The time range; raises ConfigurationError that says what one reads like."""
        begin, end = self.get("from"), self.get("to")
        if begin or end:
            first = _moment("from", begin) if begin else _FIRST
            last = _moment("to", end) if end else _LAST
            if last <= first:
                raise ConfigurationError(f"the time range ends ({end}) before it begins ({begin})")
            return Window(first, last, f"{begin or 'the first row'} to {end or 'now'} UTC")
        word = self.get("last", DEFAULT_RANGE)
        if word == "all":
            return Window(_FIRST, _LAST, "all time")
        found = _LENGTH.fullmatch(word)
        if found is None:
            raise ConfigurationError(f"last={word[:80]!r} is no time range; one reads like 30m, 24h, 7d or all")
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
        return Window(max(_FIRST, self.now - length), _LAST, f"last {word}")

    def link(self, view: str | None = None, *, extension: str = "", **changes: object) -> str:
        """The address of a view. Of this view with some fields changed (None takes one away); of another one with the time range kept."""
        same = view is None or view == self.view
        kept = dict(self.given) if same else {name: self.given[name] for name in _KEPT if self.given.get(name)}
        for name, value in changes.items():
            name = name.rstrip("_")
            kept.pop(name, None)
            if value is not None and str(value) != "":
                kept[name] = str(value)
        query = urlencode(kept)
        path = f"{ROOT}/{'' if (view or self.view) == 'callers' and not extension else view or self.view}{extension}"
        return f"{path}?{query}" if query else path

    def ranged(self, word: str) -> str:
        """This view over another time range."""
        return self.link(last=word, from_=None, to=None, after=None)


def _moment(name: str, value: str) -> datetime:
    for form in _MOMENTS:
        try:
            moment = datetime.strptime(value, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
        if _FIRST <= moment <= _LAST:
            return moment
    raise ConfigurationError(f"{name}={value[:80]!r} is no moment; one reads like 2026-01-31T18:00:00, in UTC")
