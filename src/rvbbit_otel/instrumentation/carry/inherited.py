"""Track a caller that a line of execution only inherited, until it takes an item of others or waits in a loop for
one.
"""

from __future__ import annotations

from collections.abc import Set
from types import FrameType

from opentelemetry.context import attach, get_current

from rvbbit_otel.attribution import work
from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.context_keys import SPAN_KEY
from rvbbit_otel.instrumentation.carry import places
from rvbbit_otel.instrumentation.carry.loops import loop_around
from rvbbit_otel.instrumentation.carry.owners import UNKNOWN, Owner, owner_of
from rvbbit_otel.instrumentation.emit.spans import without_span


def inherited_here() -> Work | None:
    """Return the work that this line of execution only inherited, holding or not; None where somebody said here whose the work is."""
    context = get_current()
    known: Work | None = context.get(WORK_KEY)  # type: ignore[assignment]
    if known is None or known.caller is None or (work.in_generators() and work.said_in_generator(known) is not None):
        return None
    # A block that has ended here leaves what was around it.
    while known is not None and known.ended and known.here and not known.inherited:
        known = known.base
    if known is None or known.caller is None:
        return None
    return known if known.inherited or not known.here else None


def took(owner: Owner | None = None) -> None:
    """This line of execution took an item from a shared place; `owner`: whose that is, where it is known."""
    inherited = inherited_here()
    if inherited is None or owner == UNKNOWN:
        return
    if owner is not None and owner == owner_of(inherited):
        work.hold_on(inherited)
    else:  # Also where it has let go already, for as long as it is in a loop: what it took it may work on after that.
        work.let_go(inherited)
        context = get_current()
        if inherited.span is not None and context.get(SPAN_KEY) is inherited.span:
            attach(without_span(context))  # What it takes up hangs under nothing of whom it inherited from.


def waits(inherited: Work, frame: FrameType, any_loop: bool) -> None:
    """It waits, in this frame, for something that need not be its own; `any_loop`: in a `for` of this very frame, too, that shows a worker."""
    if not inherited.holds:
        return
    inherited.waited = True
    loop = loop_around(frame, any_loop)
    if loop is not None:
        work.let_go(inherited, loop)


def waits_for_its_own(frame: FrameType) -> bool:
    """Return whether the code that waits in this frame is a library that waits for its own answer."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in places.OWN_WAITS


def first_not_of(packages: Set[str], frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame that runs code of none of these packages."""
    while frame is not None and packages and str(frame.f_globals.get("__name__")).partition(".")[0] in packages:
        frame = frame.f_back
    return frame
