"""Redact a value by its key. Where that fails the value is dropped, and nothing of it leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rvbbit_otel.attributes import CALLER_METADATA, DB_QUERY_TEXT
from rvbbit_otel.counters import Counters
from rvbbit_otel.host_signals import from_handler
from rvbbit_otel.redaction import sql, text
from rvbbit_otel.redaction.rules import Rules
from rvbbit_otel.redaction.secret_text import without_secrets
from rvbbit_otel.redaction.table import Action
from rvbbit_otel.settings import Settings

Rule = Callable[[Any], Any]

# Keys and short texts that were looked at lately, at most; when it is full it starts anew.
_MOST_KEPT: Final = 4096
_LONGEST_KEPT: Final = 128
_MOST_SHAPES: Final = 512
_LONGEST_KEY: Final = 512
_MAX_DEPTH: Final = 30
_LONGEST_NAME: Final = 256
# What a text begins with that may be JSON, spaces aside.
_JSON: Final = ("{", "[", '"')
# A list or a map in a text: in Python's own writing, in a line of a stream, behind some words. Which of it is content nobody can say.
_STRUCTURE: Final = re.compile(r"""[{\[(]\s{0,64}(?:["'][^"'\s]{0,64}["']\s{0,8}[:,]|[{\[(]\s{0,64}["'])""")
_FULL_LIMIT: Final = 1_048_576
# Where the runners that we know put the SQL text of a caller.
_SQL_MEMBERS: Final = frozenset(
    {f"{CALLER_METADATA}.sql_query", f"{CALLER_METADATA}.sql.query", f"{CALLER_METADATA}.query"}
)


class _Kept(dict[Any, Any]):
    """A cache of a function's results for its most recent arguments."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: Any) -> Any:
        return self.keep(key, self._function(key))

    def keep(self, key: Any, found: Any, most: int = _MOST_KEPT) -> Any:
        if len(self) >= most:
            self.clear()
        self[key] = found
        return found


class Values:
    """Redacts the values of one process by its settings."""

    def __init__(self, settings: Settings, counters: Counters) -> None:
        """Errors are counted in `counters`, as ``errors.redaction``."""
        self._rules = Rules(settings)
        self._content_off = settings.content == "off"
        self._caller_sql = settings.caller_sql
        self._limit = _FULL_LIMIT if settings.content == "full" else settings.content_limit
        self._counters = counters
        self._by_key: dict[str, Rule | None] = _Kept(self._rule_for)
        # The same few kinds of spans come over and over.
        self._by_keys = _Kept(self._rules_for)
        self._names: dict[str, str] = _Kept(self._fresh_name)
        self._scanned: dict[str, str] = _Kept(self._fresh_scan)
        self._plain: dict[str, str] = _Kept(lambda word: word if text.is_plain_word(word) else text.marker(len(word)))

    def changes(self, entries: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that may not leave as they are, and as what they leave."""
        changes: dict[str, Any] = {}
        keys = tuple(entries)
        rules = self._by_keys.get(keys)
        for key, rule in self._rules_for(keys) if rules is None else rules:
            value = entries[key]
            try:
                redacted = rule(value)
            except Exception as error:  # noqa: BLE001 - the host goes on, and its value stays
                redacted = self._failed(error)
            if redacted is not value:
                changes[key] = redacted
        if CALLER_METADATA in entries and DB_QUERY_TEXT in entries and self._rules.stated_for(DB_QUERY_TEXT) is None:
            changes[DB_QUERY_TEXT] = self._done(self._callers_query, entries[DB_QUERY_TEXT])
        return changes

    def value(self, key: str, value: Any) -> Any:
        """One value by itself."""
        rule = self._rule_of(key)
        return value if rule is None else self._done(rule, value)

    def name(self, name: str) -> str:
        """The name of a span or an event, which a few libraries put a statement or an address into."""
        try:
            return _same(name, self._names[name] if len(name) <= _LONGEST_NAME else self._fresh_name(name))
        except Exception as error:  # noqa: BLE001 - a name that can't be looked at does not leave
            return self._failed(error)

    def _done(self, rule: Rule, value: Any) -> Any:
        try:
            return rule(value)
        except Exception as error:  # noqa: BLE001 - the host goes on, and its value stays
            return self._failed(error)

    def _failed(self, error: Exception) -> str:
        self._counters.error("redaction", without_message(error))
        return text.marker()

    def _rules_for(self, keys: tuple[str, ...]) -> Sequence[tuple[str, Rule]]:
        """The rules of a span with these attributes: those that do something."""
        found = [(key, rule) for key in keys if (rule := self._rule_of(key)) is not None]
        if all(len(key) <= _LONGEST_KEPT for key in keys):
            self._by_keys.keep(keys, found, _MOST_SHAPES)
        return found

    def _rule_of(self, key: str) -> Rule | None:
        return self._by_key[key] if len(key) <= _LONGEST_KEPT else self._rule_for(key)

    def _rule_for(self, key: str) -> Rule | None:
        if key == CALLER_METADATA and self._rules.stated_for(key) is None:
            return self._metadata if self._content_off else None
        # Patterns are not held against what nobody would call a name.
        action = self._rules.action_for(key) if len(key) <= _LONGEST_KEY else "content"
        if action is None:
            return lambda value: self._scan(key, value, 0)
        return None if action == "keep" else getattr(self, f"_{action}")

    # One for each Action, named after it.

    def _content(self, value: Any) -> Any:
        return value if value is None or isinstance(value, bool | int | float) else self._secret(value)

    def _secret(self, value: Any) -> Any:
        if isinstance(value, str):
            return text.marker(len(value)) if value else value
        return value if value is None or isinstance(value, bool) or _is_empty(value) else text.marker()

    def _value(self, value: Any) -> Any:
        return self._secret(value)

    def _word(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self._content(value)
        return _same(value, self._plain[value]) if len(value) <= _LONGEST_KEPT else text.marker(len(value))

    def _url(self, value: Any) -> Any:
        if isinstance(value, str):
            if len(value) > text.LONGEST_URL:
                return text.marker(len(value))
            if text.may_be_url(value):
                value = text.without_query(value)
            return without_secrets(value, self._content_off)
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return tuple(self._url(item) for item in value)
        return self._content(value)

    def _stack(self, value: Any) -> Any:
        return text.frames(value) if isinstance(value, str) else self._content(value)

    def _scan(self, key: str, value: Any, depth: int) -> Any:
        """A value that nothing is known of; the members of a map are looked up by their path."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= _MAX_DEPTH:
            return text.marker()
        if isinstance(value, str):
            if self._content_off and value.lstrip()[:1] in _JSON and len(value) <= text.LONGEST_UNKNOWN:
                return self._scan_json(key, value, depth)
            return _same(value, self._scanned[value]) if len(value) <= _LONGEST_KEPT else self._fresh_scan(value)
        if isinstance(value, Mapping):
            return {
                self._scan("", str(name), 0): self._member(f"{key}.{name}", item, depth) for name, item in value.items()
            }
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            items = tuple(self._scan(key, item, depth + 1) for item in value)
            return value if all(new is old for new, old in zip(items, value, strict=True)) else items
        return text.marker() if self._content_off else value

    def _scan_json(self, key: str, value: str, depth: int) -> str:
        try:
            whole = json.loads(value)
        except (ValueError, RecursionError):
            return self._fresh_scan(value)
        scanned = self._scan(key, whole, depth + 1)
        return value if scanned == whole else json.dumps(scanned, ensure_ascii=False)

    def _member(self, path: str, value: Any, depth: int) -> Any:
        if len(path) <= _LONGEST_KEY and self._rules.action_for(path) is None:
            return self._scan(path, value, depth + 1)
        rule = self._rule_for(path)
        return value if rule is None else rule(value)

    def _fresh_scan(self, value: str) -> str:
        if self._content_off and len(value) > text.LONGEST_UNKNOWN:
            return text.marker(len(value))
        if self._content_off:
            if _STRUCTURE.search(value):
                return text.marker(len(value))
            value = text.without_queries(value)
        return without_secrets(value, self._content_off)

    def _fresh_name(self, name: str) -> str:
        if self._content_off:
            if len(name) > _LONGEST_NAME:
                name = f"{name[:_LONGEST_NAME]}{text.marker(len(name) - _LONGEST_NAME)}"
            if text.looks_like_sql(name):
                name = self._shaped(name, _LONGEST_NAME)
            name = text.without_path_queries(name)
        return without_secrets(name, self._content_off)

    def _metadata(self, value: Any) -> Any:
        """Return a caller's metadata as JSON, with the names of all values, and only those values that are listed."""
        known = json.loads(value)
        if not isinstance(known, dict):
            return text.marker(len(value))
        return json.dumps(self._members(CALLER_METADATA, known, 0), sort_keys=True, ensure_ascii=False)

    def _members(self, path: str, value: Any, depth: int) -> Any:
        if depth >= _MAX_DEPTH:
            return text.marker()
        if isinstance(value, dict):
            return {
                self._fresh_scan(name): self._members(f"{path}.{name}", item, depth + 1) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._members(path, item, depth + 1) for item in value]
        if len(path) > _LONGEST_KEY:
            return self._secret(value)
        stated: Action | None = self._rules.stated_for(path)
        if stated is None and path in _SQL_MEMBERS and isinstance(value, str):
            return self._callers_query(value)
        action = stated or self._rules.action_for(path)
        if action == "keep":
            return value
        return self._word(value) if action == "word" else self._secret(value)

    def _callers_query(self, query: Any) -> Any:
        if not isinstance(query, str) or self._caller_sql == "off":
            return self._content(query) if self._content_off else query
        if not self._content_off:
            return query[: self._limit]
        return query[:_FULL_LIMIT] if self._caller_sql == "full" else self._shaped(query, self._limit)

    @staticmethod
    def _shaped(query: str, limit: int) -> str:
        shaped, unread = sql.shape(query)
        shaped = without_secrets(shaped, and_mails=True)
        unread += max(0, len(shaped) - limit)
        return shaped[:limit] + (text.marker(unread) if unread else "")


def _is_empty(value: Any) -> bool:
    return isinstance(value, Sequence | Mapping | bytes) and not value


def _same(text: str, found: str) -> str:
    """Return `text` itself if `found` equals it, so that an unchanged value is known by identity."""
    return text if found == text else found


def without_message(error: Exception) -> Exception:
    """An error to be logged in the place of this one, whose message and source lines may repeat the value that it met.

    What the host's own signal handler raised meanwhile is raised again.
    """
    if from_handler(error):
        raise error
    return RuntimeError(type(error).__name__)
