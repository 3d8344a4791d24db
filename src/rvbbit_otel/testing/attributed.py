"""An assertion about whose everything is, and what it says when it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Protocol

from rvbbit_otel.testing.recorded import Recorded

# Longer names are cut in the table of a failure, and no more lines than these are shown.
_WIDEST: Final = 48
_MOST_LINES: Final = 40
_HEADER: Final = ("name", "session", "expected", "found", "source", "")


class _Recording(Protocol):
    @property
    def spans(self) -> tuple[Recorded, ...]: ...


def assert_attributed(recorded: _Recording | Iterable[Recorded], to: str | Mapping[str, str | None]) -> None:
    """Assert whose each recorded span, record or row is; at least one must have been recorded. New in version 0.1.

    `recorded` is a Recorder, of which the spans are looked at, or what `Recorder.records` or `Store.rows()` gave.
    `to` is the caller of all of them, or a mapping of names to callers, None for nobody: a name may be a pattern such
    as ``chat *``, the first that fits counts, each that is recorded must fit one, and each of the mapping must fit
    something. Raises AssertionError with a table of those that differ.
    """
    __tracebackhide__ = True
    found: Sequence[Recorded] = tuple(recorded if isinstance(recorded, Iterable) else recorded.spans)
    expected: Mapping[str, str | None] = {"*": to} if isinstance(to, str) else to
    if not found:
        raise AssertionError(
            "nothing was recorded, so nothing is attributed: did the code run inside the recorder, and does anything make spans?"
        )
    fits = [_fitting(each.name, expected) for each in found]
    complaints = []
    unnamed = sorted({each.name for each, name in zip(found, fits, strict=True) if name is None})
    if unnamed:
        complaints.append(f"recorded, and not expected at all: {', '.join(map(_cut, unnamed))}")
    absent = [name for name in expected if name not in fits]
    if absent:
        complaints.append(f"expected, and not recorded: {', '.join(map(_cut, absent))}")
    wrong = [
        (each, expected[name])
        for each, name in zip(found, fits, strict=True)
        if name is not None and each.caller_id != expected[name]
    ]
    if wrong:
        complaints.append(f"{len(wrong)} of {len(found)} are another's:\n{_table(wrong)}")
    if complaints:
        counts = Counter(each.caller_id or "nobody" for each in found)
        told = ", ".join(f"{caller} {count}" for caller, count in counts.most_common(10))
        raise AssertionError("\n".join(["not attributed as expected", *complaints, f"by caller: {told}"]))


def _fitting(name: str, expected: Mapping[str, str | None]) -> str | None:
    if name in expected:
        return name
    return next((pattern for pattern in expected if fnmatchcase(name, pattern)), None)


def _table(wrong: Sequence[tuple[Recorded, str | None]]) -> str:
    lines = [_HEADER]
    for each, caller in wrong[:_MOST_LINES]:
        texts = (each.name, each.session_id or "-", caller or "nobody", each.caller_id or "nobody", each.source or "-")
        lines.append((*map(_cut, texts), each.why))  # type: ignore[arg-type]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    shown = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    if len(wrong) > _MOST_LINES:
        shown.append(f"  and {len(wrong) - _MOST_LINES} more")
    return "\n".join(shown)


def _cut(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."
