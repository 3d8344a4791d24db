"""Our totals beside a provider's, by day (UTC), model and, where both know one, API key and project; and what may explain a difference.

Nothing is rounded and nothing is guessed: a figure that one side does not say is not compared, and a reason is a candidate, which `fits`
if it is exactly as large as the difference.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, TypeVar

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.usage_exports import Entry, Export, Figures
from rvbbit_otel.storage.usage_exports.entry import COST, midnight

# The names of providers whose calls are on that bill; a call that names none may be.
_PROVIDERS: Final[Mapping[str, tuple[str, ...]]] = {"openai": ("openai",), "anthropic": ("anthropic",), "generic": ()}
# 2024-08-06, 20241022, 0613 (month and day), 2411 (year and month), each at the end of a name.
_DATED: Final = re.compile(
    r"[-@](?:20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|2[3-9](?:0[1-9]|1[0-2]))$"
)
# A cost is kept to so many digits.
_DIGITS: Final = Decimal("0.000000000001")
_T = TypeVar("_T", "Ours", Entry)
_N = TypeVar("_N", int, Decimal)
ALL_MODELS: Final = "(all models)"

# For each reason what it means; and whether it may explain that we have less than they, more, or other dollars (`price`: for the same calls).
REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "no-usage": ("less", "calls to a model that told no tokens"),
    "told-not-counted": ("less", "calls that told tokens and were taken for one that another row counts"),
    "counted-in-part": ("less", "calls whose tokens were taken for those of calls inside them, in part"),
    "cache-beside": ("less", "tokens of the cache, taken to be among those that went in"),
    "edge-of-another-day": ("less", "calls near midnight that we have on the day before or after"),
    "other-provider": ("less", "calls of that model at another provider"),
    "no-model": ("less", "calls that name no model"),
    "edge-of-this-day": ("more", "calls near midnight that they may have on the day before or after"),
    "provider-unknown": ("more", "calls that name no provider, so that they may be on another bill"),
    "not-listed": ("more", "calls of a model that they do not list on that day"),
    "unpriced": ("cost", "calls that have no price yet, so that ours is a lower bound"),
    "priced-elsewhere": ("cost", "calls whose cost another row states, under another model or day perhaps"),
    "cost-without-tokens": ("cost", "costs of rows that have no tokens of their own"),
    "cost-computed": (
        "price",
        "costs computed from a price table: compare its prices with theirs (`rvbbit-otel prices`)",
    ),
    "cost-stated": ("price", "costs that the program stated"),
}


@dataclass(frozen=True)
class Ours:
    """What our rows say for one day, model, key and project, for one reason (`counted`: what is compared). `open_calls` have no price yet."""

    day: date
    model: str
    key: str
    project: str
    reason: str
    rows: int
    figures: Figures
    open_calls: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """Rows of ours that may explain a difference; `fits`: they are exactly as large as it, in every figure that differs.

    Each of `examples` is a row's time, session, caller, trace and span.
    """

    reason: str
    meaning: str
    rows: int
    figures: Figures
    fits: bool
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One day, model, key and project on both sides. Dollars may differ by `rounding`, as far as their export rounds."""

    day: date
    model: str
    key: str
    project: str
    names: tuple[str, ...]
    ours: Figures
    theirs: Figures
    open_calls: int
    rounding: Decimal
    candidates: tuple[Candidate, ...] = ()

    @property
    def difference(self) -> Figures:
        """Ours less theirs, of what both say."""
        return Figures(
            _less(self.ours.calls, self.theirs.calls),
            _less(self.ours.tokens_in, self.theirs.tokens_in),
            _less(self.ours.tokens_out, self.theirs.tokens_out),
            _less(self.ours.cost, self.theirs.cost),
        )

    @property
    def differs(self) -> bool:
        """True if any figure differs by more than rounding."""
        gap = self.difference
        return bool(gap.calls or gap.tokens_in or gap.tokens_out) or self.cost_differs

    @property
    def cost_differs(self) -> bool:
        """True if the dollars differ by more than rounding."""
        cost = self.difference.cost
        return cost is not None and abs(cost) > self.rounding


@dataclass(frozen=True)
class Reconciliation:
    """The answer: every line, of which some differ; by what it was compared; and what a reader should know besides."""

    provider: str
    begin: datetime
    end: datetime
    by: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def differing(self) -> list[Line]:
        """Those that are not equal."""
        return [line for line in self.lines if line.differs]


def reconcile(
    database: Database,
    export: Export,
    since: date | None = None,
    until: date | None = None,
    models: str = "*",
    tolerance: Decimal = Decimal(0),
    edge: timedelta = timedelta(minutes=5),
) -> Reconciliation:
    """Compare what an export covers, from the day `since` to the day `until` (both included), with our rows.

    `tolerance`: dollars by which a line may differ; `edge`: how near midnight a call may be on another day for them. Raises StoreError and
    ConfigurationError.
    """
    begin = max(export.begin, midnight(since)) if since else export.begin
    end = min(export.end, midnight(until + timedelta(days=1))) if until else export.end
    if not begin < end:
        raise ConfigurationError(
            f"the export covers {export.begin:%Y-%m-%d} to {_last(export.end)}, and nothing of what --since and --until ask for"
        )
    theirs = [each for each in export.entries if begin <= each.begin < end and _fits(each.model, models)]
    by_model = not export.entries or _grouped(export.entries, "model")
    if models != "*" and not by_model:
        raise ConfigurationError(
            "--model asks for some models, and the export names none: export it by model (group_by)"
        )
    named = tuple(field for field in ("key", "project") if _grouped(export.entries, field))
    ours = [
        each for each in _ours(database, export.provider, begin, end, edge, bool(named)) if _fits(each.model, models)
    ]
    counted = [each for each in ours if each.reason == "counted"]
    if not theirs and not counted:
        raise ConfigurationError(
            f"nothing was compared: from {begin:%Y-%m-%d} to {_last(end)} neither the export nor the store has a call"
        )
    by = tuple(field for field in named if any(getattr(each, field) for each in counted))
    names = _names({each.model for each in counted}, {each.model for each in theirs}) if by_model else {}

    def place(each: Ours | Entry) -> tuple[date, str, str, str]:
        model = names.get(each.model, each.model) if by_model else ALL_MODELS
        return each.day, model, each.key if "key" in by else "", each.project if "project" in by else ""

    our_places, their_places, reasons = (
        _by(counted, place),
        _by(theirs, place),
        _by((each for each in ours if each.reason != "counted"), place),
    )
    lines = []
    for at in sorted(our_places.keys() | their_places.keys()):
        line = _line(at, our_places.get(at, []), their_places.get(at, []), export, tolerance)
        if line is not None:
            nameless = our_places.get((at[0], "", *at[2:]), []) if at[1] else []
            lines.append(_explained(line, reasons.get(at, []), nameless, our_places.get(at, []), at in their_places))
    return Reconciliation(
        export.provider,
        begin,
        end,
        ("day", *(["model"] if by_model else []), *by),
        tuple(lines),
        _notes(export, named, by, by_model),
    )


def _ours(
    database: Database, provider: str, begin: datetime, end: datetime, edge: timedelta, named: bool
) -> list[Ours]:
    parameters = {
        "begin": f"{begin:%Y-%m-%d %H:%M:%S}",
        "end": f"{end:%Y-%m-%d %H:%M:%S}",
        "providers": list(_PROVIDERS[provider]),
        "edge": int(edge.total_seconds()),
        "named": int(named),
    }
    found = []
    for row in database.query(read("reconcile/ours.sql"), parameters).dicts():
        examples = row["examples"]
        figures = Figures(
            int(str(row["calls"])), int(str(row["tokens_in"])), int(str(row["tokens_out"])), Decimal(str(row["cost"]))
        )
        found.append(
            Ours(
                date.fromisoformat(str(row["day"])),
                str(row["model"]),
                str(row["key"] or ""),
                str(row["project"] or ""),
                str(row["reason"]),
                int(str(row["rows"])),
                figures,
                int(str(row["open_calls"])),
                tuple(map(str, examples)) if isinstance(examples, list | tuple) else (),
            )
        )
    return found


def _grouped(entries: Sequence[Entry], field: str) -> bool:
    """Return whether the export groups by this; raises ConfigurationError where only a part of it does, since
    nothing can be compared then.
    """
    kinds: dict[str, bool] = {}
    for entry in entries:
        kinds[entry.kind] = kinds.get(entry.kind, False) or bool(getattr(entry, field))
    if field == "model" and len(set(kinds.values())) > 1:
        told, untold = (next(kind for kind, says in kinds.items() if says is wanted) for wanted in (True, False))
        raise ConfigurationError(
            f"{told!r} is by model, and {untold!r} is not: export both by model (group_by), or give one of them"
        )
    return bool(kinds) and all(kinds.values())


def _names(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
    """The name by which each model is compared: as given, or without its date where the two sides do not give the same names."""
    families: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for side, names in enumerate((ours, theirs)):
        for name in names:
            families[_DATED.sub("", name)][side].add(name)
    # Names that one side alone has, and the other under another date or none.
    return {
        name: base for base, (our, their) in families.items() if our and their and our != their for name in our | their
    }


def _line(
    at: tuple[date, str, str, str], ours: Sequence[Ours], theirs: Sequence[Entry], export: Export, tolerance: Decimal
) -> Line | None:
    """None where they say nothing of that day."""
    said = {name: _their(name, at[0], theirs, export) for name, _ in Figures().items()}
    if all(value is None for value in said.values()):
        return None
    names = tuple(sorted(({each.model for each in ours} | {each.model for each in theirs}) - {at[1], ""}))
    rounding = tolerance + sum((each.rounding for each in theirs), Decimal(0))
    return Line(*at, names, _sum(ours), Figures(**said), sum(each.open_calls for each in ours), rounding)  # type: ignore[arg-type]


def _their(name: str, day: date, entries: Sequence[Entry], export: Export) -> int | Decimal | None:
    """Their sum of a figure: nothing said is zero where their export covers it, and unknown if one of the entries that should say it does not."""
    kinds = {span.kind for span in export.spans if span.covers(day, name)}
    said = [getattr(each.figures, name) for each in entries if each.kind in kinds]
    if not kinds or any(value is None for value in said):
        return None
    return sum(said, Decimal(0)).quantize(_DIGITS) if name in COST else sum(said)


def _explained(
    line: Line, reasons: Sequence[Ours], nameless: Sequence[Ours], counted: Sequence[Ours], is_listed: bool
) -> Line:
    if not line.differs:
        return line
    gap = line.difference
    amounts = [value for value in (gap.calls, gap.tokens_in, gap.tokens_out) if value]
    wanted = {"less"} if any(value < 0 for value in amounts) else set()
    wanted |= {"more"} if any(value > 0 for value in amounts) else set()
    if line.cost_differs:
        wanted |= {"cost", "price"} if is_listed and not amounts else {"cost"}
    if line.cost_differs and not amounts and all(value is None for value in (gap.calls, gap.tokens_in, gap.tokens_out)):
        wanted.add("less" if (gap.cost or 0) < 0 else "more")
    groups = {reason: [each for each in reasons if each.reason == reason] for reason in REASONS}
    groups["no-model"] = list(nameless)
    groups["not-listed"] = [] if is_listed else list(counted)
    found = [
        _candidate(reason, groups[reason], line)
        for reason, (side, _) in REASONS.items()
        if side in wanted and groups[reason]
    ]
    # What fits comes first.
    return Line(**{**vars(line), "candidates": tuple(sorted(found, key=lambda each: not each.fits))})


def _candidate(reason: str, rows: Sequence[Ours], line: Line) -> Candidate:
    figures = _sum(rows)
    side, meaning = REASONS[reason]
    sign = {"less": -1, "more": 1}.get(side, 0)
    gap = line.difference
    counts = [
        (has, sign * miss)
        for has, miss in zip(
            (figures.calls, figures.tokens_in, figures.tokens_out),
            (gap.calls, gap.tokens_in, gap.tokens_out),
            strict=True,
        )
        if miss is not None
    ]
    fits = sign != 0 and bool(counts) and any(miss for _, miss in counts) and all(has == miss for has, miss in counts)
    examples = tuple(sorted(example for each in rows for example in each.examples)[:3])
    return Candidate(reason, meaning, sum(each.rows for each in rows), figures, fits, examples)


def _less(our: _N | None, their: _N | None) -> _N | None:
    return None if our is None or their is None else our - their


def _sum(rows: Sequence[Ours]) -> Figures:
    return Figures(
        sum(each.figures.calls or 0 for each in rows),
        sum(each.figures.tokens_in or 0 for each in rows),
        sum(each.figures.tokens_out or 0 for each in rows),
        sum((each.figures.cost or Decimal(0) for each in rows), Decimal(0)),
    )


def _notes(export: Export, named: Sequence[str], by: Sequence[str], by_model: bool) -> tuple[str, ...]:
    notes = [
        f"the export is by {field}, and no caller of ours names one, so it is not compared by it: called_by(..., {{'{name}': ...}})"
        for field, name in (("key", "api_key_id"), ("project", "project_id"))
        if field in named and field not in by
    ]
    if export.end > datetime.now(timezone.utc):
        notes.append(
            "the export goes on to a time that is not over, so that both sides may still grow: --until leaves the last day out"
        )
    if not by_model:
        notes.append("the export names no model (group_by), so that only days are compared")
    return tuple(notes)


def _by(
    items: Iterable[_T], place: Callable[[_T], tuple[date, str, str, str]]
) -> dict[tuple[date, str, str, str], list[_T]]:
    found: dict[tuple[date, str, str, str], list[_T]] = defaultdict(list)
    for item in items:
        found[place(item)].append(item)
    return dict(found)


def _fits(model: str, pattern: str) -> bool:
    return fnmatchcase(model.lower(), pattern.lower())


def _last(end: datetime) -> str:
    return f"{end - timedelta(microseconds=1):%Y-%m-%d}"
