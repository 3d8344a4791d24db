"""The head of an INSERT from outside. What runs is put together from our own lists and the table's columns, never from the text."""

from __future__ import annotations

from dataclasses import dataclass

from rvbbit_otel.all_in_one.statements.refusals import denied

# Data of any kind follows the head, so only so much is read as text.
_HEAD = 16_384
# The data of these is values and nothing else. `Values` would be expressions, which the writer works out: file() among them. Arrow names time zones,
# which the engine would look for in files.
FORMATS = frozenset(
    {
        "Native",
        "JSONEachRow",
        "JSONCompactEachRow",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "CSV",
        "CSVWithNames",
        "TSV",
        "TabSeparated",
        "TabSeparatedWithNames",
        "Parquet",
    }
)
LANDING_TABLES = frozenset({"otel_traces_in", "otel_logs_in", "otlp_traces_in", "otlp_logs_in"})
_QUOTES = "`\"'"


@dataclass(frozen=True)
class Insert:
    """An insert that may pass: a landing table, columns of it (none: all), the format of the data, and the data."""

    table: str
    columns: list[str]
    format_name: str
    data: bytes


def is_insert(text: bytes) -> bool:
    """Return whether a request is an INSERT, by its first word."""
    return text[:_HEAD].lstrip()[:6].upper() == b"INSERT"


def read_insert(text: bytes) -> Insert:
    """The insert that a request holds; raises EngineError for one that may not pass."""
    words = _Words(text[:_HEAD].decode("latin-1"))
    words.take("INSERT")
    if not words.take("INTO"):
        raise _unclear()
    words.take("TABLE")
    table = words.name()
    if words.sign("."):
        table = words.name()
    if table not in LANDING_TABLES:
        raise denied(
            f"{table[:80]} can't be written from outside; spans go to otel_traces_in, log records to otel_logs_in"
        )
    columns = _columns(words) if words.sign("(") else []
    if words.take("SETTINGS"):
        words.skip_until("FORMAT")  # None of them changes how data is stored here.
    elif not words.take("FORMAT"):
        raise _unclear()
    format_name = words.name()
    if format_name not in FORMATS:
        raise denied(
            f"the format {format_name[:80]} is not served for an INSERT: send Native, JSONEachRow or RowBinary"
        )
    return Insert(table, columns, format_name, text[words.end_of_line() :])


def _columns(words: _Words) -> list[str]:
    columns = []
    while True:
        column = words.name()
        while words.sign("."):
            column += "." + words.name()
        if not all(part.isidentifier() and part.isascii() for part in column.split(".")):
            raise _unclear()
        columns.append(column)
        if words.sign(")"):
            return columns
        if not words.sign(","):
            raise _unclear()


def _unclear() -> Exception:
    return denied("an INSERT here names one of our landing tables and a FORMAT, and carries its data")


class _Words:
    """Reads on from word to word. Each letter is looked at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, word: str) -> bool:
        """Go past a word, in any case, if it comes next."""
        self._skip_space()
        end = self._at + len(word)
        if self._text[self._at : end].upper() != word or _is_letter(self._text[end : end + 1]):
            return False
        self._at = end
        return True

    def sign(self, sign: str) -> bool:
        """Go past a sign if it comes next."""
        self._skip_space()
        found = self._text.startswith(sign, self._at)
        self._at += found
        return found

    def name(self) -> str:
        """Go past a name, quoted or not, and return it."""
        self._skip_space()
        quote = self._text[self._at : self._at + 1]
        if quote and quote in '`"':
            return self._quoted(quote)
        start = self._at
        while _is_letter(self._text[self._at : self._at + 1]):
            self._at += 1
        if start == self._at:
            raise _unclear()
        return self._text[start : self._at]

    def skip_until(self, word: str) -> None:
        """Go past a word, and past names, numbers and quoted values before it."""
        while not self.take(word):
            sign = self._text[self._at : self._at + 1]
            if sign and sign in _QUOTES:
                self._quoted(sign)
            elif _is_letter(sign):
                self.name()
            elif sign and sign in "=,.+-":
                self._at += 1
            else:
                raise _unclear()

    def end_of_line(self) -> int:
        """Return where the data begins: after one line's end, or one other space."""
        rest = self._text[self._at : self._at + 2]
        if rest and not rest[0].isspace():
            raise _unclear()
        return self._at + (2 if rest == "\r\n" else min(1, len(rest)))

    def _quoted(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        found = self._text[self._at + 1 : end]
        # What stands for something else inside quotes is in no name of ours.
        if end < 0 or "\\" in found:
            raise _unclear()
        self._at = end + 1
        return found

    def _skip_space(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1


def _is_letter(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
