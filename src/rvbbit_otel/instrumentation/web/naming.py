"""Name the caller of a request: by a function of the user's, a header from a trusted host, or baggage from a trusted
sender; else the request gets a caller of its own.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.caller import CallerId, valid_caller_id
from rvbbit_otel.attribution.propagation import foreign_caller_id
from rvbbit_otel.attribution.scope import called_by
from rvbbit_otel.counters import count

_logger: Final = logging.getLogger("rvbbit_otel")
# In ASGI's scope and WSGI's environ: the request has a caller already, by a middleware further out.
NAMED: Final = "rvbbit_otel.named"
# An answer from here on says that the server failed.
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived, before the application has seen it.

    method: as ``GET``; ``WEBSOCKET`` for one of these. path: without the query. headers: by lower-case names; one that was sent more than once is
    joined by commas. peer: the address that it came from, empty where that is not known. raw: ASGI's scope, WSGI's environ or Django's request.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    peer: str
    raw: Any


class ServerError(Exception):
    """The application answered that it failed; what it raised, it kept to itself."""


class Naming:
    """Names the caller of a request: by a function of the user's, else by a header from a host that is trusted, else an id of its own."""

    def __init__(
        self,
        name: Callable[[Request], str | None] | None = None,
        header: str | None = None,
        trusted: Collection[str] = (),
    ) -> None:
        """`trusted`: addresses and networks, such as ``10.0.0.0/8``, whose `header` is believed. Raises ValueError for one that is neither."""
        self._name = name
        self._header = header.lower() if header is not None else None
        self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)
        self._told = False

    def block(self, request: Request, mark: MutableMapping[str, Any]) -> Answering | None:
        """The block that the request is; None if it is one already, and is not named here. `mark`: where that is noted."""
        inner = NAMED in mark
        caller: str | None = self._by_function(request) or self._by_header(request)
        if inner and caller is None:
            return None
        mark[NAMED] = True
        caller = caller or foreign_caller_id(get_current()) or f"web-{secrets.token_hex(8)}"
        block = called_by(caller, {"method": request.method, "path": request.path}, origin="http")
        block._name = f"http {request.method}"
        block._apart = not inner
        return Answering(block)

    def _by_function(self, request: Request) -> str | None:
        if self._name is None:
            return None
        try:
            return self._name(request)
        except Exception as error:  # noqa: BLE001 - the request is answered whoever it is of
            if not self._told:
                self._told = True
                _logger.warning("rvbbit-otel: the name of a request's caller: %r; it has one of its own", error)
            return None

    def _by_header(self, request: Request) -> CallerId | None:
        stated = request.headers.get(self._header) if self._header is not None else None
        if stated is None:
            return None
        if not self._is_trusted(request.peer):
            count("untrusted.header")
            return None
        caller = valid_caller_id(stated)
        if caller is None:
            count("invalid_ids.header")
        return caller

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # An IPv4 host, on a socket that serves both.
        return any((mapped or address) in network for network in self._trusted)


def joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case names. What was sent twice is joined, and so is no id: nobody can say which of the two to believe."""
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


class Answering:
    """The block of a request, which has failed when an exception leaves it, or when its answer says so."""

    def __init__(self, block: called_by) -> None:
        """Nothing begins before it is entered."""
        self._block = block
        self._failed: ServerError | None = None

    def said(self, status: int) -> None:
        """The answer has this status."""
        self._failed = ServerError(f"HTTP {status}") if status >= _SERVER_ERROR else None

    def step_out(self) -> None:
        """The request is not over, and goes on elsewhere."""
        self._block.step_out()

    def __enter__(self) -> Answering:
        """Begin."""
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._block.__exit__(kind, error or self._failed, traceback)
