"""Choose which of several spans about one call to a model counts its usage: a client under a router, a retry, two
specs of one function.

What is innermost knows what was paid. So of hooked calls inside of a hooked call the inner ones account, and the outer one where nothing inside told
of any usage, which is known at its end. Whoever counted first has counted: one that comes after that, from a thread that is late, does not.
"""

from __future__ import annotations

from typing import Final, Literal

from opentelemetry.context import Context, create_key

from rvbbit_otel.attribution.work import Work, work_of

_KEY: Final = create_key("rvbbit-telling")
_Teller = Literal["call", "row", "inside"]


class Telling:
    """A call that may tell what it used, while it lasts.

    over: it has returned. Its one teller is itself, log rows about it, or calls inside of it.
    """

    __slots__ = ("_around", "_teller", "_work", "over")

    def __init__(self, around: tuple[Telling, ...]) -> None:
        """`around`: the calls that this one is a part of, the next one first."""
        self._around = around
        self._work: Work | None = None
        self._teller: dict[
            None, _Teller
        ] = {}  # Who comes first is decided by one step of `dict.setdefault`, without a lock.
        self.over = False

    def within(self, context: Context) -> Context:
        """The context that the call runs in, with the call in it."""
        self._work = work_of(context)
        return Context({**context, _KEY: self})

    def call_counts(self) -> bool:
        """Let the call's own span count its usage, unless something else does already; return whether it counts."""
        return self._claim("call") and self._claim_around()

    def row_counts(self) -> bool:
        """Let log rows about this call count its usage (several tries write several rows), unless something else
        does already; return whether they count.
        """
        return self._claim("row") and self._claim_around()

    @property
    def told_inside(self) -> bool:
        """Return whether nested calls count the usage of this call."""
        return self._teller.get(None) == "inside"

    def _claim_around(self) -> bool:
        return all(call._claim("inside") for call in self._around)

    def _claim(self, teller: _Teller) -> bool:
        return self._teller.setdefault(None, teller) == teller

    def holds_for(self, work: Work | None) -> bool:
        """Return whether this work is a part of the call. A context alone does not tell: whatever the call starts
        inherits it for ever.
        """
        if self.over:
            return False
        while work is not self._work and work is not None:
            work = work.base
        return work is self._work

    def calls_from(self, work: Work | None) -> tuple[Telling, ...]:
        """It and the calls around it that go on, for what begins inside of it."""
        return tuple(call for call in (self, *self._around) if call.holds_for(work))


def begin(context: Context) -> Telling:
    """A call begins in this context."""
    outer = telling_of(context)
    return Telling(outer.calls_from(work_of(context)) if outer is not None else ())


def telling_of(context: Context) -> Telling | None:
    """The innermost call that whatever runs in this context is a part of."""
    telling = context.get(_KEY)
    return telling if isinstance(telling, Telling) and telling.holds_for(work_of(context)) else None


def apart(context: Context) -> Context:
    """The same context outside of every call: what a tool does that a model asked for is no part of asking the model."""
    return Context({**context, _KEY: None}) if context.get(_KEY) is not None else context
