"""Remember the caller of each item that waits in a shared place."""

from __future__ import annotations

import weakref
from collections import deque
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.work import WORK_KEY, Work, work_of

# Whose an item is: the caller's id and the session that it was put for.
Owner = tuple[str, "str | None"]
_Items = dict[int, "deque[Owner | None]"]
# Items of one queue whose owner is remembered at most; the others count as anybody's.
_MAX_ITEMS: Final = 100_000

# Of an item that came by a callback of asyncio's own, made by nobody's work: it says neither that it is another's, nor that it is not.
UNKNOWN: Final[Owner] = ("", None)
# In a callback of asyncio's own: whose work completed the future that it is of.
woken_by: Final[ContextVar[Owner | None]] = ContextVar("rvbbit_woken_by", default=None)


class Owners:
    """The owner of each item that waits in a queue."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._queues: weakref.WeakKeyDictionary[Any, _Items] = weakref.WeakKeyDictionary()
        self._unhashable: dict[int, tuple[weakref.ref[Any], _Items]] = {}

    def _waiting(self, where: Any) -> _Items | None:
        if type(where).__hash__ is not None:
            return self._queues.get(where)
        known = self._unhashable.get(id(where))
        return None if known is None else known[1]

    def _first(self, where: Any) -> _Items:
        if type(where).__hash__ is not None:
            return self._queues.setdefault(where, {})
        identity, forget = id(where), self._unhashable.pop
        return self._unhashable.setdefault(identity, (weakref.ref(where, lambda _: forget(identity, None)), {}))[1]

    def put(self, where: Any, item: object) -> tuple[Owner | None] | None:
        """An item is put there by whoever works here; gives what is noted of it, for `take_back`."""
        owner = owner_now()
        items = self._waiting(where)
        if items is None:
            if owner is None:
                return None
            items = self._first(where)
        if owner is None and id(item) not in items:
            return None
        if len(items) < _MAX_ITEMS:
            items.setdefault(id(item), deque()).append(owner)
            return (owner,)
        return None

    def take_back(self, where: Any, item: object, noted: tuple[Owner | None]) -> None:
        """An item of which that was noted was not put there after all: it, or another object that gets its identity, may be another's next."""
        items = self._waiting(where) or {}
        owners = items.get(id(item))
        if owners and noted[0] in owners:
            owners.remove(noted[0])
            if not owners:
                items.pop(id(item), None)

    def taken(self, where: Any, item: object) -> Owner | None:
        """Return the owner of an item that was taken from there; None if nobody knows, or if several put the same
        object.
        """
        items = self._waiting(where)
        owners = None if items is None else items.get(id(item))
        if items is None or not owners:
            return None
        first = owners.popleft()
        if not owners:
            items.pop(id(item), None)
        return first if set(owners) <= {first} else None


def owner_now() -> Owner | None:
    """Return the owner of an item that is put somewhere here and now."""
    woken = woken_by.get()
    if woken is not None:
        return woken
    context = get_current()
    if context.get(WORK_KEY) is None:
        return None
    known = work_of(context)
    return None if known is None else owner_of(known)


def owner_of(known: Work) -> Owner | None:
    """A block is no run: what one of a caller's blocks put, another of the same caller's may take."""
    return None if known.caller is None else (known.caller.id, None if known.echo is None else known.session_id)


def is_callers(known: Work, owner: Owner) -> bool:
    """Return whether work is of the same caller, in whichever session."""
    return known.caller is not None and known.caller.id == owner[0]
