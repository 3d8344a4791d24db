"""Find what is done with an attribute by its key: the table, the user's own patterns, and the content setting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from rvbbit_otel.redaction.table import CONTENT_WORDS, FORM_WORDS, SECRET_WORDS, URL_WORDS, Action, patterns
from rvbbit_otel.settings import Settings

# Where content is on it leaves, and secrets stay all the same.
_WITH_CONTENT: Final[Mapping[Action, Action | None]] = {
    "content": "keep",
    "value": "keep",
    "word": "keep",
    "stack": "keep",
    "url": None,
}
_WORDS: Final[Mapping[str, Action]] = {
    **dict.fromkeys(CONTENT_WORDS.split(), "content"),
    **dict.fromkeys(SECRET_WORDS.split(), "secret"),
    **dict.fromkeys(URL_WORDS.split(), "url"),
}
_FORMS: Final = frozenset(FORM_WORDS.split())
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Rules:
    """Says of a key what is done with its value."""

    def __init__(self, settings: Settings) -> None:
        """The user's own patterns go before the table; of two that are as long, the one that redacts."""
        own: dict[str, Action] = dict.fromkeys(_lower(settings.keep_keys), "keep")
        own.update(dict.fromkeys(_lower(settings.redact_keys), "secret"))
        self._own = _Patterns(own)
        self._table = _Patterns(patterns())
        self._content_on = settings.content != "off"

    def action_for(self, key: str) -> Action | None:
        """None for a key that nothing is known of: its value is looked at."""
        action = self._own.find(key.lower())
        if action is not None:
            return action
        action = self._table.find(key.lower()) or _by_words(key)
        return _WITH_CONTENT.get(action, action) if self._content_on and action is not None else action

    def stated_for(self, key: str) -> Action | None:
        """Return the user's own rule for this key; None if there is none."""
        return self._own.find(key.lower())


class _Patterns:
    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._exact = {pattern: action for pattern, action in actions.items() if "*" not in pattern}
        # By length: the alternatives of an expression are tried in their order.
        ordered = sorted(
            (each for each in actions if "*" in each), key=lambda each: (-len(each), actions[each] == "keep")
        )
        self._actions = [actions[each] for each in ordered]
        self._any = re.compile("|".join(f"({_expression(each)})" for each in ordered), re.DOTALL) if ordered else None

    def find(self, key: str) -> Action | None:
        if key in self._exact:
            return self._exact[key]
        found = self._any.fullmatch(key) if self._any is not None else None
        return self._actions[found.lastindex - 1] if found is not None and found.lastindex else None


def _expression(pattern: str) -> str:
    return ".*".join(re.escape(part) for part in pattern.split("*"))


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _by_words(key: str) -> Action | None:
    """By the last word of a key, or its last two: ``customer_email``, ``app.userPrompt``, ``x-api-key``, ``chunk.3``."""
    words = [word.lower() for word in _WORD.findall(key)]
    while len(words) > 1 and words[-1] in _FORMS:
        words.pop()
    return _WORDS.get("_".join(words[-2:])) or _WORDS.get("".join(words[-1:]))
