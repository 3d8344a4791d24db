"""Charts as SVG made on the server: no script, no style attribute, colours by class, so that the strict policy and both themes hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from markupsafe import Markup, escape

from rvbbit_otel.page.asking import Row

WIDTH: Final = 1000
HEIGHT: Final = 150
# Buckets of a chart, in seconds: the least that makes no more than _MOST of them.
_LADDER: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 7 * 86400)
_MOST: Final = 60
OTHERS: Final = "others"


@dataclass(frozen=True)
class Series:
    """One colour of a chart: its name, its place among the colours, and the sum of what it shows."""

    name: str
    colour: str
    total: float


@dataclass(frozen=True)
class Chart:
    """Bars over time. `top` is the highest bar; `begin` and `end` are the first and last moments shown."""

    svg: Markup
    series: list[Series]
    top: float
    begin: datetime
    end: datetime
    step: int


def step_for(seconds: float) -> int:
    """Return the length of a bar, in seconds, for a chart over so many seconds."""
    for step in _LADDER:
        if seconds / step <= _MOST:
            return step
    return int(seconds / _MOST / 86400 + 1) * 86400


def colour_of(name: str, place: int) -> str:
    """A class of the style sheet; how a caller is known has colours of its own."""
    known = {"explicit", "echo", "baggage", "repair", "inherited", "none", "nobody", OTHERS}
    return f"s-{name}" if name in known else f"c{place % 7}"


def bars(rows: Sequence[Row], first: int, last: int, step: int, title: Callable[[str, float, datetime], str]) -> Chart:
    """Stacked bars of `bucket`, `series`, `amount`, from the bucket `first` to `last` (seconds since 1970)."""
    totals: dict[str, float] = {}
    stacks: dict[int, list[tuple[str, float]]] = {}
    for row in rows:
        name, amount = str(row["series"]), float(row["amount"])
        totals[name] = totals.get(name, 0.0) + amount
        stacks.setdefault(int(row["bucket"]), []).append((name, amount))
    order = sorted(totals, key=lambda name: (name == OTHERS, -totals[name], name))
    colours = {name: colour_of(name, place) for place, name in enumerate(order)}
    first, last = first // step * step, last // step * step
    number = max(1, (last - first) // step + 1)
    top = max((sum(amount for _, amount in stack) for stack in stacks.values()), default=0.0)
    wide = WIDTH / number
    gap = min(2.0, wide * 0.2)
    drawn = []
    for bucket, stack in sorted(stacks.items()):
        left, y = (bucket - first) / step * wide, float(HEIGHT)
        at = datetime.fromtimestamp(bucket, timezone.utc)
        for name, amount in sorted(stack, key=lambda each: order.index(each[0])):
            tall = amount / top * (HEIGHT - 4) if top else 0.0
            y -= tall
            drawn.append(
                f'<rect class="{colours[name]}" x="{left + gap / 2:.2f}" y="{y:.2f}" width="{max(wide - gap, 0.5):.2f}" height="{tall:.2f}">'
                f"<title>{escape(title(name, amount, at))}</title></rect>"
            )
    lines = "".join(f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>' for y in (4, HEIGHT // 2 + 2))
    # What comes from a span is escaped above.
    svg = Markup(
        f'<svg class="bars" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f"{lines}{''.join(drawn)}</svg>"
    )
    return Chart(
        svg,
        [Series(name, colours[name], totals[name]) for name in order],
        top,
        datetime.fromtimestamp(first, timezone.utc),
        datetime.fromtimestamp(last + step, timezone.utc),
        step,
    )


def segments(parts: Mapping[str, Any]) -> Markup:
    """A bar of 100 parts in all, one segment a name with a number above 0."""
    total = float(sum(float(value) for value in parts.values())) or 1.0
    at, drawn = 0.0, []
    for name, value in parts.items():
        wide = float(value) / total * 100
        if wide > 0:
            # What is there can be seen, however little it is.
            shown = max(wide, 2.0)
            drawn.append(f'<rect class="{colour_of(name, 0)}" x="{min(at, 98):.2f}" width="{shown:.2f}" height="6"/>')
        at += wide
    return Markup(  # names of classes and numbers alone
        f'<svg class="segments" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">{"".join(drawn)}</svg>'
    )


def share(part: Any, whole: Any, colour: str = "c0") -> Markup:
    """A bar of what part of the whole it is."""
    wide = max(0.0, min(100.0, float(part or 0) / (float(whole or 0) or 1.0) * 100))
    return Markup(  # names of classes and numbers alone
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<rect class="track" width="100" height="6"/><rect class="{colour}" width="{wide:.2f}" height="6"/></svg>'
    )
