"""Numbers, dollars, lengths of time and foreign text as people read them; the exact value stands in the title."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from typing import Final

_LONGEST: Final = 2000
# C0 and C1 controls but for tab and newline: a browser shows nothing for them, so they would hide in a text.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STEPS: Final = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
_AGES: Final = ((86_400 * 365, "y"), (86_400, "d"), (3_600, "h"), (60, "min"))


def count(value: object) -> str:
    """A whole number in four characters or so: 999, 1.2k, 34k, 5.6M."""
    number = int(str(value or 0))
    for step, name in _STEPS:
        if abs(number) >= step:
            scaled = number / step
            return f"{scaled:.1f}{name}".replace(".0", "") if abs(scaled) < 10 else f"{scaled:.0f}{name}"
    return str(number)


def exact(value: object) -> str:
    """Every digit, with separators: 1,234,567."""
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int | float | Decimal) else str(value)


def dollars(value: object) -> str:
    """Two digits of cents where there are dollars, two that say something where there are none: $12.34, $0.0042, $0."""
    amount = Decimal(str(value or 0))
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size == 0:
        return "$0"
    if size >= 1:
        return f"{sign}${size:,.2f}"
    places = max(2, 1 - size.adjusted())
    return f"{sign}${size:.{min(places, 12)}f}"


def exact_dollars(value: object) -> str:
    """Every digit there is: $0.000150000000 is $0.00015."""
    text = f"{Decimal(str(value or 0)):,f}"
    return "$" + (text.rstrip("0").rstrip(".") if "." in text else text)


def lasting(milliseconds: object) -> str:
    """A length of time: 0.4 ms, 12 ms, 3.4 s, 2 min 5 s, 1 h 3 min."""
    if milliseconds is None:
        return "\u2013"
    value = float(str(milliseconds))
    if value < 1000:
        return f"{value:.1f} ms".replace(".0 ", " ") if value < 10 else f"{value:.0f} ms"
    seconds = value / 1000
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return the age of a moment for people: just now, 40 s ago, 3 min ago, 5 d ago."""
    if moment is None:
        return "never"
    seconds = ((now or datetime.now(timezone.utc)) - moment).total_seconds()
    if seconds < -1:
        return "in " + _length(-seconds)
    return "just now" if seconds < 5 else f"{_length(seconds)} ago"


def utc(moment: datetime | None) -> str:
    """The moment to the microsecond, in UTC."""
    return "never" if moment is None else f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S.%f} UTC"


def clock(moment: datetime | None) -> str:
    """The moment for a column of them: to the millisecond, without its day."""
    return "" if moment is None else f"{moment.astimezone(timezone.utc):%H:%M:%S.%f}"[:-3]


def percent(part: object, whole: object) -> str:
    """A share; 100 % only where it is all, and 0 % only where it is none."""
    of, total = Decimal(str(part or 0)), Decimal(str(whole or 0))
    if not total:
        return "\u2013"
    share = of * 100 / total
    if share in (0, 100):
        return f"{share:.0f} %"
    if share > Decimal("99.9"):
        return "> 99.9 %"
    return "< 0.1 %" if share < Decimal("0.1") else f"{share:.1f} %"


def size(value: object) -> str:
    """Bytes: 512 B, 3.4 MB."""
    number = float(str(value or 0))
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def text(value: object, longest: int = _LONGEST) -> str:
    """Somebody else's text, bounded, with its control characters made visible; the template escapes it."""
    found = "" if value is None else str(value)
    shown = _CONTROLS.sub("\ufffd", found[:longest])
    return shown if len(found) <= longest else f"{shown}… ({len(found):,} characters)"


def line(value: object, longest: int = 300) -> str:
    """The same in one line."""
    return " ".join(text(value, longest).split())


def _length(seconds: float) -> str:
    for step, name in _AGES:
        if seconds >= step:
            return f"{seconds // step:.0f} {name}"
    return f"{seconds:.0f} s"
