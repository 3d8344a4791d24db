"""Budgets in a TOML file: for whose calls each is, for what time, and how much they may cost.

::

    webhook = "https://hooks.example.com/budgets"   # for every budget that names none of its own

    [[budget]]
    name = "search, a day"
    caller = "web-*"                 # also origin, cascade, model: * and ? stand for anything
    metadata = { team = "search" }   # what the caller's metadata says
    per = "day"                      # hour, day or month (UTC); without it, all there is
    dollars = 10
    tokens = 2_000_000
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.hosts import is_loopback

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PERIODS: Final = ("hour", "day", "month")
_PATTERNS: Final = ("caller", "origin", "cascade", "model")
_KNOWN: Final = frozenset({"name", "metadata", "per", "dollars", "tokens", "webhook", *_PATTERNS})


@dataclass(frozen=True)
class Budget:
    """One limit. Patterns are as in the file, `*` where it says nothing; `dollars` or `tokens` is None where it does not limit them."""

    name: str
    caller: str
    origin: str
    cascade: str
    model: str
    metadata: tuple[tuple[str, str | int], ...]
    per: str
    dollars: Decimal | None
    tokens: int | None
    webhook: str

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """The hour, day or month (UTC) that holds a moment; for all there is, what was until then."""
        hour = at.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
        day = hour.replace(hour=0)
        if self.per == "hour":
            return hour, hour + timedelta(hours=1)
        if self.per == "day":
            return day, day + timedelta(days=1)
        if self.per == "month":
            begin = day.replace(day=1)
            return begin, (begin + timedelta(days=32)).replace(day=1)
        return datetime(1970, 1, 1, tzinfo=timezone.utc), at.astimezone(timezone.utc) + timedelta(microseconds=1)

    @property
    def whose(self) -> str:
        """For whose calls it is, in words."""
        said = [f"{name} {value}" for name in _PATTERNS if (value := getattr(self, name)) != "*"]
        said += [f"{key}={value}" for key, value in self.metadata]
        return ", ".join(said) or "all"


def read_budgets(file: Path) -> list[Budget]:
    """The budgets of a file; raises ConfigurationError that says which entry is wrong, and how."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the budgets in {file} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is no TOML: {error}") from error
    entries = document.get("budget")
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(each, dict) for each in entries)
        or not set(document) <= {"budget", "webhook"}
    ):
        raise ConfigurationError(f"{file} has to hold [[budget]] entries, and besides only a `webhook`")
    webhook = _webhook(document.get("webhook", ""), f"{file}, webhook")
    found: dict[str, Budget] = {}
    for number, entry in enumerate(entries, 1):
        budget = _budget(entry, f"{file}, budget {number}", webhook)
        if budget.name in found:
            raise ConfigurationError(f"{file}, budget {number}: the name {budget.name!r} is there already")
        found[budget.name] = budget
    return list(found.values())


def _budget(entry: Mapping[str, Any], where: str, webhook: str) -> Budget:
    if unknown := sorted(set(entry) - _KNOWN):
        raise ConfigurationError(f"{where}: {unknown[0]!r} is none of {', '.join(sorted(_KNOWN))}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"{where}: `name` has to be a text")
    where = f"{where} ({name})"
    patterns = {each: entry.get(each, "*") for each in _PATTERNS}
    for each, pattern in patterns.items():
        if not isinstance(pattern, str) or not pattern or "[" in pattern:
            raise ConfigurationError(f"{where}: `{each}` has to be a pattern of *, ? and other characters, without [")
    metadata = entry.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str | int) for value in metadata.values()):
        raise ConfigurationError(
            f"{where}: `metadata` has to be a table of texts or whole numbers, as in {{ team = 'search' }}"
        )
    per = entry.get("per", "")
    if per not in ("", *_PERIODS):
        raise ConfigurationError(
            f"{where}: `per` has to be one of {', '.join(_PERIODS)}; leave it out for all there is"
        )
    dollars, tokens = entry.get("dollars"), entry.get("tokens")
    if dollars is None and tokens is None:
        raise ConfigurationError(f"{where}: there is neither `dollars` nor `tokens`, so that it limits nothing")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0):
        raise ConfigurationError(f"{where}: `tokens` has to be a whole number from 0 on")
    return Budget(
        name,
        **patterns,
        metadata=tuple(metadata.items()),
        per=per,
        dollars=None if dollars is None else _dollars(dollars, where),
        tokens=tokens,
        webhook=_webhook(entry["webhook"], f"{where}: `webhook`") if "webhook" in entry else webhook,
    )


def _dollars(value: object, where: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ConfigurationError(f"{where}: `dollars` has to be a number from 0 on")
    return amount


def _webhook(value: object, where: str) -> str:
    """An address that a message may go to; never shown, since what is in it is often the secret."""
    if value == "":
        return ""
    try:
        parts = urlsplit(value) if isinstance(value, str) and not re.search(r"[\x00-\x20\x7f]", value) else None
        good = parts is not None and bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        parts, good = None, False
    if (
        parts is None
        or not good
        or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")))
    ):
        raise ConfigurationError(f"{where} has to be an https address without a user, or http on the loopback")
    return str(value)
