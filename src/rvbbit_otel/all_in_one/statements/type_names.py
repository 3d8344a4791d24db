"""Whether the text of a data type, or of a list of columns, is one that leads to no file: a type may hold a time zone, by any path.

Types come as text from all sides: CAST, JSONExtract, a parameter's `{name:Type}`, the columns of `values`, a part of a JSON value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from rvbbit_otel.all_in_one.statements.vocabulary import lines


@cache
def _with_arguments() -> frozenset[str]:
    return frozenset(name.lower() for name in lines("types.txt"))


def is_harmless_type(text: str, is_zone: Callable[[str], bool]) -> bool:
    """True for a type whose every string is a value of an Enum or a time zone that the engine knows by itself."""
    at, word = 0, ""
    open_types: list[str] = []
    while at < len(text):
        letter = text[at]
        if letter in "'`\"":
            end = text.find(letter, at + 1)
            # An escape could hide the end, or make another text of it.
            if end < 0 or "\\" in text[at:end] or text[end + 1 : end + 2] == letter:
                return False
            quoted = text[at + 1 : end]
            if letter == "'" and not (open_types and open_types[-1].startswith("enum")) and not is_zone(quoted):
                return False
            at, word = end + 1, quoted if letter != "'" else ""
            continue
        start = at
        while at < len(text) and (text[at].isalnum() or text[at] == "_"):
            at += 1
        if at > start:
            word = text[start:at].lower()
            continue
        if letter == "(":
            if word not in _with_arguments():
                return False
            open_types.append(word)
        elif letter == ")":
            if not open_types:
                return False
            open_types.pop()
        elif letter not in " ,.=-+\n\t":
            return False
        # A space may stand between a type and its arguments.
        word = word if letter in " \n\t" else ""
        at += 1
    return not open_types
