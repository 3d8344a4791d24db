"""How a caller and a session travel: in the Context of this process, as W3C baggage, and in a child's environment.

Only the caller's id, a digest of its metadata and the session id leave the process; the metadata stays. Baggage goes to any host that an
instrumented client calls, LLM providers included, so ours goes to allowed hosts only, and an incoming one is not believed unless configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from opentelemetry import baggage, trace
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, create_key, get_current, get_value, set_value
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.semconv.attributes import server_attributes, url_attributes
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rvbbit_otel.attributes import CALLER_DIGEST, CALLER_ID, SESSION_ID
from rvbbit_otel.caller import Caller, CallerId, SessionId, parse_session_id, valid_caller_id
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.settings import Settings
from rvbbit_otel.telemetry import Counters

_CALLER_KEY: Final = create_key("rvbbit-caller")
_SESSION_KEY: Final = create_key("rvbbit-session")
_LEASE_KEY: Final = create_key("rvbbit-lease")
BAGGAGE_KEYS: Final = (CALLER_ID, CALLER_DIGEST, SESSION_ID)
# Older names are still written by clients that did not opt in to the stable HTTP conventions.
_HOST_ATTRIBUTES: Final = (server_attributes.SERVER_ADDRESS, "net.peer.name")
_URL_ATTRIBUTES: Final = (url_attributes.URL_FULL, "http.url")


class Lease(Protocol):
    """For how long a context may speak for its caller: another thread can clear a caller, but not the context of the thread that works for it."""

    @property
    def lapsed(self) -> bool:
        """Whether the context names nobody any more, for whoever asks now."""
        ...


def with_caller(context: Context | None, caller: Caller, lease: Lease | None = None) -> Context:
    """A context in which `caller` is the one who triggered the work, until `lease` lapses."""
    context = set_value(_CALLER_KEY, caller, context)
    if lease is not None or lease_of(context) is not None:
        context = set_value(_LEASE_KEY, lease, context)
    context = baggage.set_baggage(CALLER_ID, caller.id, context)
    return baggage.set_baggage(CALLER_DIGEST, caller.digest, context)


def with_session(context: Context | None, session_id: SessionId) -> Context:
    """A context in which work belongs to this session."""
    context = set_value(_SESSION_KEY, session_id, context)
    return baggage.set_baggage(SESSION_ID, session_id, context)


def without_attribution(context: Context | None) -> Context:
    """The same context without a caller and without a session; its span stays."""
    context = set_value(_CALLER_KEY, None, context)
    context = set_value(_SESSION_KEY, None, context)
    context = set_value(_LEASE_KEY, None, context)
    return without_baggage(context)


def without_baggage(context: Context) -> Context:
    """The same context without our baggage; other baggage stays."""
    present = baggage.get_all(context)
    for key in BAGGAGE_KEYS:
        if key in present:
            context = baggage.remove_baggage(key, context)
    return context


def caller_of(context: Context | None) -> Caller | None:
    """The caller of this context, with what is known of it; only the id where it came from another process."""
    known = local_caller_of(context)
    if known is not None:
        return known
    caller_id = caller_id_of(context)
    return Caller(caller_id) if caller_id is not None else None


def lease_of(context: Context | None) -> Lease | None:
    """The lease that this context's caller was given with, None for one without an end."""
    return cast("Lease | None", get_value(_LEASE_KEY, context))


def local_caller_of(context: Context | None) -> Caller | None:
    """The caller that this process put into the context, None where it came from elsewhere."""
    if context is None:
        context = get_current()
    known = context.get(_CALLER_KEY)
    if not isinstance(known, Caller):
        return None
    lease = context.get(_LEASE_KEY)
    return None if lease is not None and cast("Lease", lease).lapsed else known


def origin_of(caller_id: CallerId, context: Context) -> str | None:
    """The origin of a caller that `caller_id_of` found in this context, None where it came from another process."""
    known = context.get(_CALLER_KEY)
    return known.origin if isinstance(known, Caller) and known.id == caller_id else None


def caller_id_of(context: Context | None) -> CallerId | None:
    """The caller id in the context's baggage, None if there is none or it is malformed."""
    if context is None:
        context = get_current()
    pairs = context.get(_BAGGAGE_KEY)  # As `get_baggage` does, without its copies: this runs for every span.
    stated = pairs.get(CALLER_ID) if isinstance(pairs, dict) else None
    if not isinstance(stated, str):
        return None
    lease = context.get(_LEASE_KEY)
    if lease is not None and cast("Lease", lease).lapsed:
        return None
    return valid_caller_id(stated)


def session_of(context: Context | None) -> SessionId | None:
    """The session that this context works for."""
    if context is None:
        context = get_current()
    known = context.get(_SESSION_KEY)
    if known is not None:
        return known  # type: ignore[return-value]  # Only `with_session` puts one there; a cast is a call for every span.
    pairs = context.get(_BAGGAGE_KEY)
    stated = pairs.get(SESSION_ID) if isinstance(pairs, dict) else None
    if stated is None:
        return None
    try:
        return parse_session_id(stated)
    except InvalidIdError:
        return None


def environment_of(context: Context | None) -> dict[str, str]:
    """What a child process needs in its environment to go on for the same caller: TRACEPARENT, TRACESTATE and BAGGAGE, of ours only."""
    carrier: dict[str, str] = {}
    only_ours = baggage.clear(context)
    for key, value in baggage.get_all(context).items():
        if key in BAGGAGE_KEYS:
            only_ours = baggage.set_baggage(key, value, only_ours)
    TraceContextTextMapPropagator().inject(carrier, only_ours)
    W3CBaggagePropagator().inject(carrier, only_ours)
    return {key.upper(): value for key, value in carrier.items()}


def context_from_environment(environ: Mapping[str, str]) -> Context:
    """The context that a parent process left in the environment; an empty one if it left none."""
    carrier = {key: environ[key.upper()] for key in ("traceparent", "tracestate", "baggage") if key.upper() in environ}
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    return _checked(W3CBaggagePropagator().extract(carrier, context), None)


class GuardedPropagator(TextMapPropagator):
    """Any propagator, with our baggage kept from hosts that are not allowed and from senders that are not trusted.

    The destination of a request is what its client span says (`server.address`, `url.full`); a request without such a span carries nothing of ours.
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
            if not self._is_allowed(_destination(context)):
                context = without_baggage(context)
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
                return _checked(after, self._counters)
            return _with_baggage_of(after, before)
        except Exception as error:  # noqa: BLE001 - an incoming request must be served whatever we find
            self._counters.error("propagation.extract", error)
            return before

    def _is_allowed(self, host: str | None) -> bool:
        if host is None:
            return False
        host = host.lower()
        return any(host == entry or (entry.startswith("*.") and host.endswith(entry[1:])) for entry in self._allowed)


def _destination(context: Context) -> str | None:
    attributes = getattr(trace.get_current_span(context), "attributes", None) or {}
    for name in _HOST_ATTRIBUTES:
        if isinstance(host := attributes.get(name), str) and host:
            return host
    for name in _URL_ATTRIBUTES:
        if isinstance(url := attributes.get(name), str):
            return urlsplit(url).hostname
    return None


def _checked(context: Context, counters: Counters | None) -> Context:
    """Drop those of our pairs that break their format."""
    present = baggage.get_all(context)
    malformed = [
        key
        for key, parsed in ((CALLER_ID, caller_id_of(context)), (SESSION_ID, session_of(context)))
        if key in present and parsed is None
    ]
    for key in malformed:
        context = baggage.remove_baggage(key, context)
        if counters is not None:
            counters.add("invalid_ids.baggage")
    return context


def _with_baggage_of(context: Context, trusted: Context) -> Context:
    """Put our pairs back to what they were in `trusted`."""
    stated, known = baggage.get_all(context), baggage.get_all(trusted)
    for key in BAGGAGE_KEYS:
        if stated.get(key) != known.get(key):
            context = baggage.remove_baggage(key, context)
        if key in known:
            context = baggage.set_baggage(key, known[key], context)
    return context
