"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rvbbit_otel.storage.accounts import Account, Line, Sums


def dollars(cost: Decimal, unpriced: int = 0) -> str:
    """Dollars with at least two significant digits below a cent: $12.30, $0.0004; ``at least`` where calls have no price."""
    places = 2
    while places < 12 and cost and abs(cost) < Decimal(10) ** (1 - places):
        places += 1
    amount = cost.quantize(Decimal(10) ** -places, ROUND_HALF_UP)
    text = f"-${-amount:,f}" if amount < 0 else f"${amount:,f}"
    return f"at least {text}" if unpriced else text


def count(number: int) -> str:
    """A number in three digits: 999, 1.2k, 34k, 5.6M."""
    value, unit = float(number), ""
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5 or unit == "T":
            break
        value /= 1000
    if not unit:
        return str(number)
    return f"{value:.1f}{unit}" if abs(value) < 9.95 else f"{value:.0f}{unit}"


def duration(milliseconds: float) -> str:
    """A length of time: 0.4 ms, 12 ms, 3.4 s, 2 min 5 s, 3 h 12 min."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(number: int, one: str) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def sentence(account: Account) -> str:
    """Return the sum of a caller's work in one sentence."""
    sums = account.sums
    parts = [
        plural(sums.rows, "row"),
        plural(sums.sessions, "session"),
        f"{plural(sums.calls, 'call')} to models",
        dollars(sums.cost, sums.calls_unpriced),
    ]
    if sums.errors:
        parts.append(plural(sums.errors, "error"))
    return f"{', '.join(parts)}; known how: {sources(account.sources)}"


def sources(lines: Sequence[Line]) -> str:
    """``echo 57, explicit 3``."""
    return ", ".join(f"{line.name or 'none'} {line.sums.rows:,}" for line in lines) or "nothing"


def coverage(attributed: int, rows: int) -> str:
    """The share of rows whose caller is known; never 100 % while one is missing."""
    if not rows:
        return "no rows"
    share = 100 * attributed / rows
    return "100 %" if attributed == rows else f"{min(share, 99.99):.2f} %"


def known(lines: Sequence[Line]) -> tuple[int, int]:
    """Of lines by caller: rows of somebody's, and all rows."""
    return sum(line.sums.rows for line in lines if line.name), sum(line.sums.rows for line in lines)


def tokens(sums: Sums) -> str:
    """``1.2k in, 340 out``, with those of the cache where there are any."""
    cached = f" ({count(sums.tokens_cached)} cached)" if sums.tokens_cached else ""
    return f"{count(sums.tokens_in)} in{cached}, {count(sums.tokens_out)} out"
