"""Texts and bytes that are nearly right: a seed of the corpus, changed in a few places. The same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).with_name("corpus")
# What breaks parsers: quotes, brackets, controls, halves of characters, wide ones, much of anything.
_ODD: Final = ("\x00", "\x1b[31m", "\n", "\r\n", '"""', "'", "\\", "=", ",", ";", "%", "%1b", "%zz", "[[", "]]", "{", "}", "#", "\u202e", "é", "😀",
               "\ud83d", "a" * 300, "\t", " ", "-1", "1e999", "true", "..", ":", "()", "*", "__proto__", "\ufeff")  # fmt: skip


def mutated(seeds: Sequence[str], number: int, seed: int) -> Iterator[str]:
    """So many texts."""
    chance = random.Random(seed)
    for _ in range(number):
        text = chance.choice(seeds)
        for _ in range(chance.randint(1, 6)):
            at, to = sorted(chance.randint(0, len(text)) for _ in range(2))
            to = min(to, at + 12)
            kind = chance.randrange(5)
            if kind == 0:
                text = text[:at] + chance.choice(_ODD) + text[at:]
            elif kind == 1:
                text = text[:at] + text[to:]
            elif kind == 2:
                text = text[:at] + text[at:to] * chance.randint(2, 5) + text[to:]
            elif kind == 3:
                other = chance.choice(seeds)
                start = chance.randint(0, len(other))
                text = text[:at] + other[start : start + chance.randint(1, 60)] + text[at:]
            else:
                text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x800)))) + text[to:]
        yield text


def lines(name: str) -> list[str]:
    """The seeds of a file of the corpus, one a line; `\\N` is a line break in one."""
    return [line.replace("\\N", "\n") for line in (CORPUS / name).read_text("utf-8").splitlines() if line]
