"""Statements that ask nothing of the engine and change nothing of the store: KILL QUERY of one's own question, USE and SET.

They are read word by word, as the engine's own tokenizer cuts them. Nothing of their text ever runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rvbbit_otel.all_in_one.statements.refusals import denied
from rvbbit_otel.all_in_one.statements.small_statements import Token

_FIRST_WORDS = frozenset({b"KILL", b"SET", b"USE"})
_MOST_BYTES = 4096
_MODES = frozenset({"SYNC", "ASYNC", "TEST"})


@dataclass(frozen=True)
class Kill:
    """End the question of that name. mode: SYNC waits for its end, TEST only says whether it runs."""

    query_id: str
    mode: str
    format_name: str | None


@dataclass(frozen=True)
class Use:
    """The database that names are looked up in from now on."""

    database: str


@dataclass(frozen=True)
class Set:
    """Settings from now on."""

    changes: list[tuple[str, str]]


Command = Kill | Use | Set


def may_be_command(text: bytes) -> bool:
    """Return whether a statement may be a command, so that its tokens are worth asking the engine for."""
    words = text[:_MOST_BYTES].split(None, 1)
    return len(text) <= _MOST_BYTES and bool(words) and words[0].upper() in _FIRST_WORDS


def read_command(tokens: Sequence[Token], parameters: Mapping[str, str]) -> Command:
    """The command that a text is; raises EngineError for what is none that is served."""
    words = _Words(tokens, parameters)
    if words.take("USE"):
        words.take("DATABASE")
        return words.at_end(Use(words.name()))
    if words.take("SET"):
        changes = [words.change()]
        while words.take(","):
            changes.append(words.change())
        return words.at_end(Set(changes))
    words.need("KILL", "QUERY", "WHERE", "query_id", "=")
    query_id = words.text()
    mode = next((mode for mode in _MODES if words.take(mode)), "ASYNC")
    return words.at_end(Kill(query_id, mode, words.word() if words.take("FORMAT") else None))


class _Words:
    def __init__(self, tokens: Sequence[Token], parameters: Mapping[str, str]) -> None:
        self._left = list(reversed(tokens))
        self._parameters = parameters

    def take(self, word: str) -> bool:
        if not self._left or self._left[-1].text.upper() != word.upper() or self._left[-1].kind == "QuotedIdentifier":
            return False
        self._left.pop()
        return True

    def need(self, *words: str) -> None:
        for word in words:
            if not self.take(word):
                raise _unclear()

    def name(self) -> str:
        token = self._pop("BareWord", "QuotedIdentifier")
        return _unquoted(token.text) if token.kind == "QuotedIdentifier" else token.text

    def word(self) -> str:
        return self._pop("BareWord").text

    def text(self) -> str:
        """A text in quotes, or the parameter that stands for one."""
        if not self.take("{"):
            return _unquoted(self._pop("StringLiteral").text)
        name = self.name()
        self.need(":", "String", "}")
        if name not in self._parameters:
            raise denied(f"the parameter {name[:80]} has no value")
        return self._parameters[name]

    def change(self) -> tuple[str, str]:
        name = self.name()
        self.need("=")
        sign = "-" if self.take("-") else ""
        token = self._pop("BareWord", "Number", "StringLiteral")
        return name, _unquoted(token.text) if token.kind == "StringLiteral" else sign + token.text

    def at_end(self, command: Command) -> Command:
        if self._left:
            raise _unclear()
        return command

    def _pop(self, *kinds: str) -> Token:
        if not self._left or self._left[-1].kind not in kinds:
            raise _unclear()
        return self._left.pop()


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if "\\" in inner or text[0] in inner:
        raise denied("a text with a quote or a backslash in it is not served in this statement")
    return inner


def _unclear() -> Exception:
    return denied(
        "of KILL, SET and USE, these are served here: KILL QUERY WHERE query_id = '...', SET of settings to values, USE of a database"
    )
