"""Statements that the engine gives no tree for: DESCRIBE, EXISTS, SHOW CREATE and a few more. Each is a few words and a name.

They are read word by word, as the engine's own tokenizer cuts them, and what runs is put together anew from the words and the name that were found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rvbbit_otel.all_in_one.statements.names import check_table
from rvbbit_otel.all_in_one.statements.refusals import denied
from rvbbit_otel.all_in_one.statements.vocabulary import Vocabulary

_TABLE, _DATABASE, _TEXT, _NOTHING = "table", "database", "text", "nothing"
# The words that a statement begins with, and what follows them. The longest that fits is the one.
_STATEMENTS: Final[Mapping[tuple[str, ...], str]] = {
    ("DESCRIBE",): _TABLE,
    ("DESCRIBE", "TABLE"): _TABLE,
    ("EXISTS",): _TABLE,
    ("EXISTS", "TABLE"): _TABLE,
    ("EXISTS", "VIEW"): _TABLE,
    ("EXISTS", "DICTIONARY"): _TABLE,
    ("EXISTS", "DATABASE"): _DATABASE,
    ("SHOW", "CREATE"): _TABLE,
    ("SHOW", "CREATE", "TABLE"): _TABLE,
    ("SHOW", "CREATE", "VIEW"): _TABLE,
    ("SHOW", "CREATE", "DICTIONARY"): _TABLE,
    ("SHOW", "CREATE", "DATABASE"): _DATABASE,
    ("SHOW", "TABLE"): _TABLE,
    ("SHOW", "VIEW"): _TABLE,
    ("SHOW", "DATABASE"): _DATABASE,
    ("SHOW", "SETTING"): _TEXT,
    ("SHOW", "FUNCTIONS"): _NOTHING,
    ("SHOW", "FUNCTIONS", "LIKE"): _TEXT,
    ("SHOW", "FUNCTIONS", "ILIKE"): _TEXT,
    ("SHOW", "ENGINES"): _NOTHING,
    ("SHOW", "GRANTS"): _NOTHING,
    ("SHOW", "ACCESS"): _NOTHING,
}
_FIRST_WORDS: Final = frozenset(words[0].encode() for words in _STATEMENTS) | {b"DESC"}
# Any longer is none of these.
_MOST_TOKENS = 64
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Token:
    """A word, a name, a text or a sign of a statement; `at` is where it begins, in bytes."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Small:
    """A small statement: the SQL to run, and the format that it names."""

    statement: str
    format_name: str | None


@dataclass(frozen=True)
class Described:
    """DESCRIBE of something other than a table's name: the text of a question for its columns."""

    question: str


def may_be_small(text: bytes) -> bool:
    """Return whether a statement may be a small one, so that its tokens are worth asking the engine for."""
    return text[:_MOST_BYTES].lstrip().partition(b" ")[0].rstrip().upper() in _FIRST_WORDS


def tokens_of(text: bytes, cut: Iterable[Mapping[str, Any]]) -> list[Token]:
    """The words of a statement, as the engine's tokenizeQuery cuts it; without comments, spaces and what ends it."""
    tokens = [
        Token(each["type"], text[each["begin"] : each["end"]].decode(), each["begin"])
        for each in cut
        if each["type"] not in ("Whitespace", "Comment")
    ]
    while tokens and tokens[-1].kind == "Semicolon":
        tokens.pop()
    return tokens


def read_small(text: bytes, tokens: list[Token], vocabulary: Vocabulary, database: str) -> Small | Described | None:
    """What the statement is made into, None if it is no small one; raises EngineError for a name that is no table's here."""
    words = ["DESCRIBE" if at == 0 and word == "DESC" else word for at, word in enumerate(_words(tokens[:3]))]
    known = next((tuple(words[:count]) for count in (3, 2, 1) if tuple(words[:count]) in _STATEMENTS), None)
    if known is None:
        return None
    rest = tokens[len(known) :]
    if (known == ("DESCRIBE", "TABLE") and not rest) or (len(rest) == 1 and rest[0].kind == "Dot"):
        return None
    if known[0] == "DESCRIBE" and (
        not rest or not _is_name(rest[0]) or (len(rest) > 1 and rest[1].kind == "OpeningRoundBracket")
    ):
        return Described("SELECT * FROM " + text[rest[0].at :].decode()) if rest else None
    if len(tokens) > _MOST_TOKENS:
        return None
    format_name = None
    if (
        len(rest) >= 2
        and rest[-2].text.upper() == "FORMAT"
        and rest[-1].kind == "BareWord"
        and len(rest) - 2 == _length(known, rest)
    ):
        format_name = rest[-1].text
        rest = rest[:-2]
    named = _named(_STATEMENTS[known], rest, vocabulary, database)
    return None if named is None else Small(" ".join([*known, *named]), format_name)


def _length(known: tuple[str, ...], rest: list[Token]) -> int:
    """Return the number of tokens of the name: one, or three with a dot."""
    if _STATEMENTS[known] == _NOTHING:
        return 0
    return 3 if len(rest) > 1 and rest[1].kind == "Dot" else 1


def _named(what: str, rest: list[Token], vocabulary: Vocabulary, database: str) -> list[str] | None:
    if what == _NOTHING:
        return [] if not rest else None
    if what == _TEXT:
        if len(rest) != 1 or "\\" in rest[0].text or "''" in rest[0].text[1:-1]:
            return None
        return [rest[0].text] if rest[0].kind in ("BareWord", "StringLiteral") else None
    if len(rest) not in ((1, 3) if what == _TABLE else (1,)):
        return None
    if not all(token.kind == "Dot" if place == 1 else _is_name(token) for place, token in enumerate(rest)):
        return None
    names = [_unquoted(token) for token in rest[::2]]
    if what == _DATABASE:
        check_table([names[0], "any"], vocabulary, database)
    else:
        check_table(names, vocabulary, database)
    return [".".join(f"`{name}`" for name in names)]


def _words(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.kind != "BareWord":
            return
        yield token.text.upper()


def _is_name(token: Token) -> bool:
    return token.kind in ("BareWord", "QuotedIdentifier")


def _unquoted(token: Token) -> str:
    if token.kind == "BareWord":
        return token.text
    name = token.text[1:-1]
    if "\\" in name or token.text[0] in name:
        raise denied("a name with a quote in it is no table here")
    return name
