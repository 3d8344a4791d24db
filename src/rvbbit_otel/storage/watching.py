"""Looks at rules again and again, and says what has changed since the last look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rvbbit_otel.errors import RvbbitOtelError

Verdict = Literal["holds", "broken", "no rows", "no answer"]


@dataclass(frozen=True)
class Change:
    """A rule, or ``store``, whose verdict is another one than before. `why` says more where there is no answer."""

    rule: str
    before: Verdict | None
    now: Verdict
    why: str = ""

    @property
    def text(self) -> str:
        """For people."""
        if self.rule == "store":
            return f"the store does not answer: {self.why}" if self.now == "no answer" else "the store answers again"
        if self.now == "broken":
            return f"rule {self.rule} is broken: rvbbit-otel audit {self.rule}"
        return f"rule {self.rule} holds again" if self.now == "holds" else f"rule {self.rule} has no rows to hold"

    @property
    def message(self) -> Mapping[str, object]:
        """Return the body for a webhook; `text` is for chats, which show that."""
        return {"text": self.text, "rule": self.rule, "before": self.before, "now": self.now, "why": self.why}


class Watch:
    """Keeps each rule's last verdict."""

    def __init__(self, ask: Callable[[], Sequence[tuple[str, bool | None]]]) -> None:
        """`ask` runs every rule; it may raise RvbbitOtelError, which is that the store does not answer."""
        self._ask = ask
        self._known: dict[str, Verdict] = {}

    @property
    def broken(self) -> bool:
        """True if any rule is broken, by the last look that was answered."""
        return "broken" in self._known.values()

    @property
    def answered(self) -> bool:
        """True if the last look was answered and there was a row to look at."""
        return self._known.get("store") == "holds" and any(
            verdict in ("holds", "broken") for name, verdict in self._known.items() if name != "store"
        )

    def look(self) -> list[Change]:
        """Run the rules once; return what has changed. At the first look only what is wrong is a change."""
        try:
            seen = self._ask()
        except RvbbitOtelError as error:
            return self._changed("store", "no answer", str(error))
        changes = self._changed("store", "holds")
        for name, holds in seen:
            changes += self._changed(name, "no rows" if holds is None else "holds" if holds else "broken")
        return changes

    def _changed(self, name: str, now: Verdict, why: str = "") -> list[Change]:
        before = self._known.get(name)
        self._known[name] = now
        if now == before or (before is None and now in ("holds", "no rows")) or {before, now} == {"holds", "no rows"}:
            return []
        return [Change(name, before, now, why)]
