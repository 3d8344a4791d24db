"""Carry a caller and a session: in the Context of this process, as W3C baggage, and in a child's environment.

Only the caller's id, a digest of its metadata and the session id leave the process; the metadata stays. Baggage goes to any host that an
instrumented client calls, LLM providers included, so ours goes to allowed hosts only, and an incoming one is not believed unless configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Final, cast
from urllib.parse import urlsplit

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.semconv.attributes import server_attributes, url_attributes
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rvbbit_otel.attributes import CALLER_DIGEST, CALLER_ID, CALLER_SOURCE, SESSION_ID, Source
from rvbbit_otel.attribution.caller import Caller, CallerId, SessionId, parse_session_id, valid_caller_id
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.work import WORK_KEY, Work, work_of
from rvbbit_otel.clean_text import clean_text
from rvbbit_otel.context_keys import BAGGAGE_KEY, SPAN_KEY
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.settings import Settings

BAGGAGE_KEYS: Final = (CALLER_ID, CALLER_DIGEST, CALLER_SOURCE, SESSION_ID)
# What travels says so: programs that copy baggage onto their spans, as processors of many languages do, would else seem to state a caller themselves.
TRAVELLED: Final[Source] = "baggage"
# Older names are still written by clients that did not opt in to the stable HTTP conventions.
_HOST_ATTRIBUTES: Final = (server_attributes.SERVER_ADDRESS, "net.peer.name")
_URL_ATTRIBUTES: Final = (url_attributes.URL_FULL, "http.url")
# What a server's span or one of the application's own says of a host is its own address, or any; these two say where a request goes.
_LEAVING: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
_NOTHING: Final[Mapping[str, object]] = {}


def with_work(context: Context | None, work: Work) -> Context:
    """A context that speaks for this work, and tells other processes so."""
    context = get_current() if context is None else context
    pairs = {**cast("Mapping[str, object]", context.get(BAGGAGE_KEY) or _NOTHING)}
    for key in BAGGAGE_KEYS:
        pairs.pop(key, None)
    if work.caller is not None:
        pairs[CALLER_ID] = work.caller.id
        pairs[CALLER_DIGEST] = work.caller.digest
        pairs[CALLER_SOURCE] = TRAVELLED
    if work.session_id is not None:
        pairs[SESSION_ID] = work.session_id
    return Context({**context, WORK_KEY: work, BAGGAGE_KEY: pairs})


def with_caller(context: Context | None, caller: Caller) -> Context:
    """A context in which `caller` is the one who triggered the work; a session that it works for stays."""
    context = get_current() if context is None else context
    base = work_of(context)
    session_id, echo = (base.session_id, base.echo) if base is not None else (session_of(context), None)
    work = Work(caller, base, session_id=session_id, echo=echo)
    work.in_block = base is not None and base.in_block
    return with_work(context, work)


def with_session(context: Context | None, session_id: SessionId, echo: Echo | None = None) -> Context:
    """A context in which work belongs to this session; `echo`: to this run of it, and so to its caller."""
    context = get_current() if context is None else context
    base = work_of(context)
    caller = echo.caller if echo is not None and echo.caller is not None else caller_of(context)
    return with_work(context, Work(caller, base, session_id=session_id, echo=echo))


def without_attribution(context: Context | None, candidate: str | None = None) -> Context:
    """The same context without a caller and without a session; its span stays. `candidate`: whom its work could be credited to by a guess."""
    return with_work(context, Work(None, candidate=candidate))


def effective(context: Context) -> Context:
    """The same context, saying of us only what holds for whoever asks now: what another process may be told."""
    work = work_of(context)
    if work is context.get(WORK_KEY):
        return context
    if work is not None:
        return with_work(context, work)
    return Context({**without_baggage(context), WORK_KEY: None})


def handed_over(context: Context, code: CodeType | None = None) -> Context:
    """The context for a job that whoever works in `context` hands over; `code`: what the job runs, where it may set itself again."""
    work = work_of(context)
    if work is None:
        return context
    if code is not None and work.code is code and work.waited:
        # It waits and hands itself over again: a loop, whose next turn may find anybody's work.
        return without_attribution(context, work.caller.id if work.caller is not None else work.candidate)
    job = work.job(code)
    job.span = context.get(SPAN_KEY)
    if work is context.get(WORK_KEY):
        return Context({**context, WORK_KEY: job})
    return with_work(context, job)


def without_baggage(context: Context) -> Context:
    """The same context without our baggage; other baggage stays."""
    present = baggage.get_all(context)
    for key in BAGGAGE_KEYS:
        if key in present:
            context = baggage.remove_baggage(key, context)
    return context


def caller_of(context: Context | None) -> Caller | None:
    """The caller of this context, with what is known of it; only the id where it came from another process."""
    context = get_current() if context is None else context
    stated = foreign_caller_id(context)
    if stated is not None:
        return Caller(stated)
    work = work_of(context)
    return work.caller if work is not None else None


def caller_id_of(context: Context | None) -> CallerId | None:
    """The caller's id, None if there is none or it is malformed."""
    caller = caller_of(context)
    return None if caller is None else caller.id


def session_of(context: Context | None) -> SessionId | None:
    """The session that this context works for."""
    context = get_current() if context is None else context
    work = work_of(context)
    if work is not None and (work.session_id is not None or foreign_caller_id(context) is None):
        return work.session_id
    return foreign_session_id(context)


def block_session_of(context: Context | None) -> SessionId | None:
    """The session that a block of the application's own code is, where this context works in one and in no run of a runner's."""
    work = work_of(get_current() if context is None else context)
    return work.session_id if work is not None and work.in_block else None


def foreign_caller_id(context: Context) -> CallerId | None:
    """The caller id that somebody else put into the context's baggage: another process, or code that writes baggage by hand."""
    pairs = context.get(BAGGAGE_KEY)  # As `get_baggage` does, without its copies: this runs for every span.
    stated = pairs.get(CALLER_ID) if pairs else None  # type: ignore[attr-defined]
    if stated is None:
        return None
    work = context.get(WORK_KEY)
    if work is not None:
        caller = work.caller  # type: ignore[attr-defined]
        if caller is not None and caller.id == stated:
            return None
    return valid_caller_id(stated) if isinstance(stated, str) else None


def copied_from(context: Context | None, attributes: Mapping[str, object]) -> frozenset[str]:
    """Return the names of our attributes that a processor copied from the context's baggage; none where the program
    states its caller itself.
    """
    context = get_current() if context is None else context
    pairs = cast("Mapping[str, object]", context.get(BAGGAGE_KEY) or _NOTHING)
    if any(attributes.get(key) != pairs.get(key, _NOTHING) for key in (CALLER_SOURCE, CALLER_ID)):
        return frozenset()
    return frozenset(key for key in BAGGAGE_KEYS if key in pairs and attributes.get(key) == pairs[key])


def foreign_session_id(context: Context) -> SessionId | None:
    """The session id in the context's baggage, None if there is none, it is malformed, or it stands for work of this process."""
    pairs = context.get(BAGGAGE_KEY)
    stated = pairs.get(SESSION_ID) if pairs else None  # type: ignore[attr-defined]
    if stated is None:
        return None
    work = context.get(WORK_KEY)
    if work is not None and work.session_id == stated:  # type: ignore[attr-defined]
        return None
    try:
        return parse_session_id(stated)
    except InvalidIdError:
        return None


def environment_of(context: Context | None) -> dict[str, str]:
    """Return the variables that a child process needs to go on for the same caller: TRACEPARENT, TRACESTATE and
    BAGGAGE (with our entries only).
    """
    carrier: dict[str, str] = {}
    context = effective(get_current() if context is None else context)
    only_ours = baggage.clear(context)
    for key, value in baggage.get_all(context).items():
        if key in BAGGAGE_KEYS:
            only_ours = baggage.set_baggage(key, value, only_ours)
    TraceContextTextMapPropagator().inject(carrier, only_ours)
    W3CBaggagePropagator().inject(carrier, only_ours)
    return {key.upper(): value for key, value in carrier.items()}


def context_from_environment(environ: Mapping[str, str]) -> Context:
    """The context that a parent process left in the environment; an empty one if it left none."""
    # Bytes that are no UTF-8 are halves of characters here, which the propagators can't read.
    carrier = {
        key: clean_text(environ[key.upper()])
        for key in ("traceparent", "tracestate", "baggage")
        if key.upper() in environ
    }
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    return _checked(W3CBaggagePropagator().extract(carrier, context), None)


class GuardedPropagator(TextMapPropagator):
    """Any propagator, with our baggage kept from hosts that are not allowed and from senders that are not trusted.

    The destination of a request is what its span says, of kind CLIENT or PRODUCER (`server.address`, `url.full`); every host that it names has to be
    allowed. A request without such a span carries nothing of ours.
    """

    def __init__(self, inner: TextMapPropagator, settings: Settings, counters: Counters) -> None:
        """Guard `inner`."""
        self.inner = inner
        self._allowed = tuple(host.lower() for host in settings.propagate_hosts)
        self._trust_inbound = settings.trust_inbound
        self._counters = counters

    @property
    def fields(self) -> set[str]:
        """The header names of the guarded propagator."""
        return self.inner.fields

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write headers; ours only for an allowed host."""
        context = get_current() if context is None else context
        try:
            hosts = _destinations(context)
            allowed = bool(hosts) and all(self._is_allowed(host) for host in hosts)
            context = effective(context) if allowed else without_baggage(context)
        except Exception as error:  # noqa: BLE001 - a request of the host must go out whatever we find
            self._counters.error("propagation.inject", error)
            context = baggage.clear(context)
        self.inner.inject(carrier, context, setter)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        """Read headers; ours only from senders that are trusted, and only where well formed."""
        before = get_current() if context is None else context
        after = self.inner.extract(carrier, before, getter)
        try:
            if self._trust_inbound:
                # Ours of `before` are not the sender's: a server may have been started by anybody's work.
                sent = self.inner.extract(carrier, without_baggage(before), getter)
                if not baggage.get_all(sent).keys().isdisjoint((CALLER_ID, SESSION_ID)):
                    return _checked(sent, self._counters)
            return _with_baggage_of(after, before)
        except Exception as error:  # noqa: BLE001 - an incoming request must be served whatever we find
            self._counters.error("propagation.extract", error)
            theirs = {key: value for key, value in baggage.get_all(after).items() if key not in BAGGAGE_KEYS}
            known = {key: value for key, value in baggage.get_all(before).items() if key in BAGGAGE_KEYS}
            return Context({**after, BAGGAGE_KEY: {**theirs, **known}, WORK_KEY: before.get(WORK_KEY)})

    def _is_allowed(self, host: str) -> bool:
        host = host.lower()
        return any(host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in self._allowed)


def _destinations(context: Context) -> list[str]:
    """Every host that the request's span names; empty where there is no such span, or where one of its addresses can't be read."""
    span = trace.get_current_span(context)
    if getattr(span, "kind", None) not in _LEAVING:
        return []
    attributes = getattr(span, "attributes", None) or {}
    hosts = [host for name in _HOST_ATTRIBUTES if isinstance(host := attributes.get(name), str) and host]
    urls = [url for name in _URL_ATTRIBUTES if isinstance(url := attributes.get(name), str)]
    found = [*hosts, *(urlsplit(url).hostname for url in urls)]
    return [] if None in found else [host for host in found if host is not None]


def _checked(context: Context, counters: Counters | None) -> Context:
    """Drop those of our pairs that break their format; those that are left count, whatever work was around."""
    present = baggage.get_all(context)
    for key, is_valid in ((CALLER_ID, _is_caller_id), (SESSION_ID, _is_session_id)):
        if key in present and not is_valid(present[key]):
            context = baggage.remove_baggage(key, context)
            if counters is not None:
                counters.add("invalid_ids.baggage")
        elif key in present and context.get(WORK_KEY) is not None:
            context = Context({**context, WORK_KEY: None})
    # Whatever the sender says of how it is known: here it is known by this baggage.
    if CALLER_ID in baggage.get_all(context):
        return baggage.set_baggage(CALLER_SOURCE, TRAVELLED, context)
    return baggage.remove_baggage(CALLER_SOURCE, context) if CALLER_SOURCE in present else context


def _is_caller_id(value: object) -> bool:
    return isinstance(value, str) and valid_caller_id(value) is not None


def _is_session_id(value: object) -> bool:
    try:
        parse_session_id(value)
    except InvalidIdError:
        return False
    return True


def _with_baggage_of(context: Context, trusted: Context) -> Context:
    """Put our pairs back to what they were in `trusted`."""
    stated, known = baggage.get_all(context), baggage.get_all(trusted)
    for key in BAGGAGE_KEYS:
        if stated.get(key) != known.get(key):
            context = baggage.remove_baggage(key, context)
        if key in known:
            context = baggage.set_baggage(key, known[key], context)
    return context
