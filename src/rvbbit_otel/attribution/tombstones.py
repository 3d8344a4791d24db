"""Remember which session ids were known here once, in little memory, so that a forgotten session can be told from
one that was never seen.

Two Bloom filters: one is filled while the one before is still asked. Each holds `capacity` ids in two bytes an id; of ids that were never seen about
one in two thousand is taken for a forgotten one, which costs its span the caller around, and never gives it another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_BITS_AN_ID: Final = 16
_PROBES: Final = 6


class Tombstones:
    """Ids that were seen, of the last `capacity` to twice as many."""

    def __init__(self, capacity: int = 500_000) -> None:
        """Nothing seen; memory is taken with the first id."""
        self._capacity = max(capacity, 1)
        self._bits = 1 << (self._capacity * _BITS_AN_ID - 1).bit_length()
        self._now = bytearray()
        self._before = bytearray()
        self._count = 0

    def add(self, key: str) -> bool:
        """Remember one; return True when the oldest were forgotten for it."""
        full = self._count >= self._capacity
        if full or not self._now:
            self._before, self._now, self._count = self._now, bytearray(self._bits // 8), 0
        self._count += 1
        now = self._now
        for place in self._places(key):
            now[place >> 3] |= 1 << (place & 7)
        return full

    def __contains__(self, key: str) -> bool:
        """Return whether the key was added; a few keys that were not look as if they were."""
        return any(
            bits and all(bits[place >> 3] & (1 << (place & 7)) for place in self._places(key))
            for bits in (self._now, self._before)
        )

    def _places(self, key: str) -> Iterator[int]:
        # Python's hash of a text is keyed and good in all of its 64 bits; a second from the same bits serves the other probes.
        first = hash(key) & 0xFFFF_FFFF_FFFF_FFFF
        step = (first >> 17) | 1
        mask = self._bits - 1
        for _ in range(_PROBES):
            yield first & mask
            first += step
