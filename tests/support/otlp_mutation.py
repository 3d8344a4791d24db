"""Bodies for the OTLP door that nobody wrote: small ones of a corpus, cut up and put together anew, and random ones; the same from the same seed."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.support.otlp import NOW
from tests.support.otlp_fuzz import Fuzz

# What stands in the files for a time that is now, in bytes of protobuf and in digits of JSON.
_THEN: Final = 0x1717171717171717
_BYTES: Final = (
    b"",
    b"\x00",
    b"\xff",
    b"\x80",
    b"\x0a\x00",
    b"\x08\x01",
    b"\x2b\x2c",
    b"\xff\xff\xff\xff\x0f",
    b"\x80" * 10 + b"\x01",
)
_WORDS: Final = (
    *(
        b"null",
        b"true",
        b"{}",
        b"[]",
        b"[[]]",
        b'""',
        b"-1",
        b"1e999",
        b"0.1",
        b"9" * 40,
        b"NaN",
        b'"\\ud800"',
        b'"\\u0000"',
    ),
    *(
        b'"resourceSpans"',
        b'"values"',
        b'"kvlistValue":{"values":[{"key":"a"}]}',
        b'"arrayValue":{"values":[{}]}',
        b'"intValue":"x"',
    ),
    *(b",", b":", b"{", b"}", b"[", b"]", b'"', b"\\", b"\xff", b"\xed\xa0\x80", b" ", b"\xef\xbb\xbf"),
)


class Corpus:
    """The small bodies of a folder, named `signal-what.pb` and `.json`."""

    def __init__(self, folder: Path) -> None:
        now = {".pb": NOW.to_bytes(8, "little"), ".json": str(NOW).encode()}
        then = {".pb": _THEN.to_bytes(8, "little"), ".json": str(_THEN).encode()}
        self._bodies: dict[tuple[str, str], list[bytes]] = {}
        for file in sorted(folder.iterdir()):
            signal, kind = file.name.partition("-")[0], file.suffix
            self._bodies.setdefault((signal, kind), []).append(file.read_bytes().replace(then[kind], now[kind]))

    def of(self, signal: str, kind: str) -> Sequence[bytes]:
        """Those of ``traces`` or ``logs``, ``.pb`` or ``.json``."""
        return self._bodies[signal, kind]


class Mutations:
    """Bodies from a seed."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self._corpus = corpus
        self._dice = random.Random(seed)
        self._fuzz = Fuzz(seed)

    def mutated(self, signal: str, kind: str) -> bytes:
        """One of the corpus, changed in one to eight places."""
        dice, others = self._dice, self._corpus.of(signal, kind)
        body = bytearray(dice.choice(others))
        words = _WORDS if kind == ".json" else _BYTES
        for _ in range(dice.choice((1, 1, 2, 3, 8))):
            dice.choice(_CHANGES)(dice, body, dice.choice(others), words)
        return bytes(body[:65_536])

    def random(self, signal: str, kind: str) -> bytes:
        """Bytes without sense, or a body that is framed as it should be and right in little else."""
        dice = self._dice
        if dice.random() < 0.3:
            return dice.randbytes(dice.choice((0, 1, 2, 10, 100, 5000)))
        if kind == ".json":
            text = json.dumps(self._value(0)).encode()
            return text if dice.random() < 0.8 else text[: dice.randrange(len(text) + 1)]
        # Most end too early: what is stored is spread over three months, and takes the store long.
        body = self._fuzz.request(signal)
        return body if dice.random() < 0.2 else body[: dice.randrange(len(body) + 1)]

    def packed(self, body: bytes) -> tuple[bytes, str]:
        """The body as it goes by HTTP with its encoding: mostly plain, at times packed, and at times broken in that."""
        dice = self._dice
        if dice.random() < 0.8:
            return body, ""
        name = dice.choice(("gzip", "deflate", "br", "zstd", "gzip, gzip"))
        packed = bytearray(gzip.compress(body, 1) if name.startswith("gzip") else zlib.compress(body, 1))
        if dice.random() < 0.5:
            dice.choice(_CHANGES)(dice, packed, body, _BYTES)
        return bytes(packed), name

    def _value(self, depth: int) -> object:
        dice = self._dice
        if depth < 12 and dice.random() < 0.75:
            keys = (
                "resourceSpans",
                "scopeSpans",
                "spans",
                "resourceLogs",
                "scopeLogs",
                "logRecords",
                "attributes",
                "key",
                "value",
            )
            more = (
                "traceId",
                "startTimeUnixNano",
                "arrayValue",
                "kvlistValue",
                "values",
                "body",
                "stringValue",
                "events",
                "kind",
                "__proto__",
            )
            if dice.random() < 0.4:
                return [self._value(depth + 1) for _ in range(dice.randrange(4))]
            return {dice.choice(keys + more): self._value(depth + 1) for _ in range(dice.randrange(5))}
        return dice.choice((None, True, 0, -1, 2**64, 1e308, "", "a", "00" * 16, str(NOW), "\ud83e", "é🦊\x00", [], {}))


_Change = Callable[[random.Random, bytearray, bytes, Sequence[bytes]], None]


def _at(dice: random.Random, body: bytearray) -> int:
    return dice.randrange(len(body) + 1)


def _flip(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    if body:
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)


def _put(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    at = _at(dice, body)
    body[at : at + dice.choice((0, 0, 1, 4))] = dice.choice(words)


def _cut(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    at = _at(dice, body)
    del body[at : at + dice.choice((1, 1, 2, 8, 100))]


def _end(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    del body[_at(dice, body) :]


def _repeat(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    at = _at(dice, body)
    piece = body[at : at + dice.choice((1, 8, 64, 1000))]
    body[at:at] = piece * dice.choice((1, 2, 10))


def _splice(dice: random.Random, body: bytearray, other: bytes, words: Sequence[bytes]) -> None:
    begin = dice.randrange(len(other) + 1)
    at = _at(dice, body)
    body[at:at] = other[begin : begin + dice.choice((1, 10, 100, 1000))]


_CHANGES: Final[tuple[_Change, ...]] = (_flip, _flip, _put, _put, _cut, _end, _repeat, _splice)
