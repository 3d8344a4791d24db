"""Tokens and money as runners and providers state them: numbers of any kind in, exact ones out, and what can't be is refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Final

from rvbbit_otel.attributes import (
    GEN_AI_CACHE_READ_TOKENS,
    GEN_AI_CACHE_WRITE_TOKENS,
    GEN_AI_INPUT_TOKENS,
    GEN_AI_OUTPUT_TOKENS,
    GEN_AI_REASONING_TOKENS,
    USAGE_COST,
    USAGE_COUNTED,
    USAGE_TOLD,
)
from rvbbit_otel.counters import Counters

_logger = logging.getLogger("rvbbit_otel")

# The attribute of each field of a hook that counts tokens. Cached ones are among those in, reasoning is among those out.
TOKENS: Final[Mapping[str, str]] = {
    "tokens_in": GEN_AI_INPUT_TOKENS,
    "tokens_out": GEN_AI_OUTPUT_TOKENS,
    "tokens_cached": GEN_AI_CACHE_READ_TOKENS,
    "tokens_cache_write": GEN_AI_CACHE_WRITE_TOKENS,
    "tokens_reasoning": GEN_AI_REASONING_TOKENS,
}
_TOLD: Final[Mapping[str, str]] = {name: USAGE_TOLD + name.removeprefix("gen_ai.usage.") for name in TOKENS.values()}
_COST: Final = "cost"
USED: Final = frozenset({*TOKENS, _COST})
# Of one call. What is more is another unit, a sum of something else, or an attack on the sums.
MOST_TOKENS: Final = 10**12
MOST_DOLLARS: Final = 1_000_000
# A number of a call that is written with more characters is none.
_LONGEST_TEXT: Final = 64
_Number = int | float | Decimal | Fraction


class UsageReader:
    """Reads what calls have used. A number that can't be is left out, counted each time and logged the first time for each field."""

    def __init__(self, counters: Counters) -> None:
        """`counters`: ``invalid_usage.<field>`` counts what is refused."""
        self._counters = counters
        self._told: set[str] = set()

    def read(self, values: Mapping[str, Any]) -> dict[str, int | float]:
        """The attributes of what a call's fields say; none where they say nothing of it."""
        found: dict[str, int | float] = {}
        for field, attribute in TOKENS.items():
            given = values.get(field)
            if type(given) is int and 0 <= given <= MOST_TOKENS:  # Nearly all.
                found[attribute] = given
            elif given is not None:
                tokens = _within(given, MOST_TOKENS)
                if tokens is None or tokens != int(tokens):
                    self._refuse(field, given)
                else:
                    found[attribute] = int(tokens)
        if (given := values.get(_COST)) is not None:
            dollars = _within(given, MOST_DOLLARS)
            if dollars is None:
                self._refuse(_COST, given)
            else:
                found[USAGE_COST] = abs(float(dollars))  # There is a negative zero.
        return found

    def _refuse(self, field: str, value: object) -> None:
        self._counters.add(f"invalid_usage.{field}")
        if field not in self._told:
            self._told.add(field)
            # A text may be anybody's content.
            shown = f"a {type(value).__name__}" if _number(value) is None else repr(value)[:_LONGEST_TEXT]
            _logger.warning(
                "rvbbit-otel: %s can't be %s, and was left out; later ones like it are only counted", field, shown
            )


def stated(usage: Mapping[str, int | float], accounts: bool) -> dict[str, int | float]:
    """The attributes of a row that tells of it: where another row accounts for it, under names that no other tool adds up."""
    if not usage:
        return {}
    if accounts:
        return {**usage, USAGE_COUNTED: True}
    return {**{_TOLD.get(name, name): value for name, value in usage.items()}, USAGE_COUNTED: False}


def spends(usage: Mapping[str, int | float]) -> bool:
    """Return whether these values say that anything was used: a call that failed, or whose usage is unknown, reports
    zeros.
    """
    return any(usage.values())


def _within(value: object, most: int) -> _Number | None:
    number = _number(value)
    if number is None or (isinstance(number, Decimal) and not number.is_finite()):
        return None  # A Decimal that is no number can't even be compared.
    return number if 0 <= number <= most else None


def _number(value: object) -> _Number | None:
    """A number, however it is written: of Python, of NumPy or the like, or as text."""
    if type(value) is int or type(value) is float:  # Nearly all.
        return value
    if hasattr(type(value), "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal | Fraction):
        return value
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else None


def _written(text: str) -> Decimal | None:
    try:
        return Decimal(text) if len(text) <= _LONGEST_TEXT else None
    except InvalidOperation:
        return None
