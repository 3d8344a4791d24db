"""Random requests of OTLP that are framed as protobuf wants it, and right in little else."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from tests.support.otlp import NOW

_TEXTS = [
    *(
        b"",
        b"a",
        b"true",
        b"nan",
        b"inf",
        b"-1e400",
        b"1e308",
        b"99999999999999999999",
        b"start",
        b"end",
        b"llm",
        b"x" * 300,
    ),
    *(b"service.name", b"session.id", b"exception.message", b"rvbbit.caller.id", b"rvbbit.kind", b"rvbbit.usage.cost"),
    *(b"rvbbit.duration_ms", b"rvbbit.usage.counted", b"rvbbit.session.event", b"gen_ai.usage.input_tokens"),
    *("é🦊".encode(), b"\xff", b"\xed\xa0\xbe", b"\x00", b"'\\\n\t"),
]
_NUMBERS = [0, 1, 2, 5, 127, 128, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, NOW]
# What a field holds: another message, or one of the scalars below.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "traces": {1: "resource spans"},
    "logs": {1: "resource logs"},
    "resource spans": {1: "resource", 2: "scope spans", 3: "text"},
    "resource logs": {1: "resource", 2: "scope logs", 3: "text"},
    "resource": {1: "attribute", 2: "number", 3: "scope"},
    "scope spans": {1: "scope", 2: "span", 3: "text"},
    "scope logs": {1: "scope", 2: "record", 3: "text"},
    "scope": {1: "text", 2: "text", 3: "attribute"},
    "span": {
        1: "trace id",
        2: "span id",
        3: "text",
        4: "span id",
        5: "text",
        6: "number",
        7: "time",
        8: "time",
        9: "attribute",
    }
    | {10: "number", 11: "event", 13: "link", 15: "status", 16: "four bytes"},
    "event": {1: "time", 2: "text", 3: "attribute"},
    "link": {1: "trace id", 2: "span id", 3: "text", 4: "attribute"},
    "status": {2: "text", 3: "number"},
    "record": {
        1: "time",
        2: "number",
        3: "text",
        5: "value",
        6: "attribute",
        7: "number",
        8: "four bytes",
        9: "trace id",
    }
    | {10: "span id", 11: "time", 12: "text"},
    "attribute": {1: "text", 2: "value"},
    "value": {1: "text", 2: "number", 3: "number", 4: "eight bytes", 5: "list", 6: "map", 7: "text"},
    "list": {1: "value"},
    "map": {1: "attribute"},
}
_SEVERAL: Mapping[str, tuple[int, int]] = {
    "attribute": (0, 6),
    "span": (1, 3),
    "record": (1, 3),
    "event": (0, 2),
    "link": (0, 2),
}
_ALWAYS = frozenset({"trace id", "span id", "time", "resource spans", "resource logs", "scope spans", "scope logs"})
_DEEPEST = 14


class Fuzz:
    """Requests from a seed."""

    def __init__(self, seed: int) -> None:
        """The same seed gives the same requests."""
        self._dice = random.Random(seed)

    def request(self, signal: str) -> bytes:
        """One request of ``traces`` or ``logs``."""
        return self._message(signal, 0)

    def _message(self, kind: str, depth: int) -> bytes:
        if depth > _DEEPEST:
            return b""
        dice, out = self._dice, []
        for number, holds in _MESSAGES[kind].items():
            least, most = _SEVERAL.get(holds, (int(holds in _ALWAYS), 1))
            out += [self._field(number, holds, depth) for _ in range(dice.randint(least, most))]
        if kind == "value" and out and dice.random() < 0.95:
            out = [dice.choice(out)]
        if dice.random() < 0.1:
            out.append(self._wrong(dice.choice([1, 2, 3, 9, 50, 1000])))
        if dice.random() < 0.1:
            dice.shuffle(out)
        return b"".join(out)

    def _field(self, number: int, holds: str, depth: int) -> bytes:
        if self._dice.random() < 0.03:
            return self._wrong(number)
        if holds in _MESSAGES:
            return _delimited(number, self._message(holds, depth + 1))
        return self._scalars()[holds](number)

    def _scalars(self) -> Mapping[str, Callable[[int], bytes]]:
        dice = self._dice
        traces, spans = (
            [dice.randbytes(16)] * 8 + [b"", bytes(16), b"x" * 15],
            [dice.randbytes(8)] * 8 + [bytes(8), bytes(5), b"x" * 7],
        )
        times = [NOW, NOW + dice.randrange(10**9), NOW - 86_400 * 10**9 * dice.randrange(95), self._number()]
        return {
            "text": lambda number: _delimited(number, dice.choice(_TEXTS)),
            "number": lambda number: _varint(number << 3) + _varint(self._number()),
            "eight bytes": lambda number: _varint(number << 3 | 1) + self._number().to_bytes(8, "little"),
            "four bytes": lambda number: _varint(number << 3 | 5) + dice.randbytes(4),
            "time": lambda number: _varint(number << 3 | 1) + dice.choice(times).to_bytes(8, "little"),
            "trace id": lambda number: _delimited(number, dice.choice(traces)),
            "span id": lambda number: _delimited(number, dice.choice(spans)),
        }

    def _wrong(self, number: int) -> bytes:
        """A field of any kind, whatever the number is for."""
        made = self._scalars()
        kinds = ["text", "number", "eight bytes", "four bytes", "trace id"]
        if self._dice.random() < 0.2:
            return _varint(number << 3 | 3) + made["number"](5) + _varint(number << 3 | 4)
        return made[self._dice.choice(kinds)](number)

    def _number(self) -> int:
        return self._dice.choice([*_NUMBERS, self._dice.getrandbits(64)])


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
