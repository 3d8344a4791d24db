"""For web applications: who triggered a request. A middleware for ASGI (FastAPI, Starlette, Quart, Django) and one for WSGI (Flask, Django, Bottle).

A request is a block of `called_by`, from its begin to the last byte of its answer and the last of its background tasks.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from rvbbit_otel.caller import valid_caller_id
from rvbbit_otel.scope import called_by
from rvbbit_otel.telemetry import failed

_logger: Final = logging.getLogger("rvbbit_otel")
_AsgiApp = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]
_WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a request says of itself before the application has seen it.

    method: as ``GET``; ``WEBSOCKET`` for one of these. path: without the query. headers: by lower-case names. peer: the address that it came from,
    empty where that is not known. raw: ASGI's scope or WSGI's environ.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    peer: str
    raw: Mapping[str, Any]


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

    def block(self, request: Request) -> called_by:
        """The block that the request is."""
        caller = self._by_function(request) or self._by_header(request) or f"web-{secrets.token_hex(8)}"
        block = called_by(caller, {"method": request.method, "path": request.path}, origin="http")
        block._name = f"http {request.method}"
        return block

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

    def _by_header(self, request: Request) -> str | None:
        if self._header is None or not self._is_trusted(request.peer):
            return None
        return valid_caller_id(request.headers.get(self._header, ""))

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _request(scope: Mapping[str, Any]) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    return Request(scope.get("method", "WEBSOCKET"), scope["path"], headers, (scope.get("client") or ("",))[0], scope)


def _request_of_wsgi(environ: Mapping[str, Any]) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
    return Request(method, path, headers, environ.get("REMOTE_ADDR", ""), environ)


class AsgiCallers:
    """``app.add_middleware(AsgiCallers, name=lambda request: ...)``, or around any ASGI application; the fields of `Naming`."""

    def __init__(self, app: _AsgiApp, **naming: Any) -> None:
        """Around this application."""
        self.app = app
        self._naming = Naming(**naming)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request; what is none (the application's start and end) is nobody's."""
        block: Any = contextlib.nullcontext()
        try:
            if scope["type"] in ("http", "websocket"):
                block = self._naming.block(_request(scope))
        except Exception as error:  # noqa: BLE001 - the request is answered, for nobody
            failed("web", error)
        with block:
            await self.app(scope, receive, send)


class WsgiCallers:
    """``app.wsgi_app = WsgiCallers(app.wsgi_app, name=lambda request: ...)`` for Flask, or around any WSGI application; the fields of `Naming`."""

    def __init__(self, app: _WsgiApp, **naming: Any) -> None:
        """Around this application."""
        self.app = app
        self._naming = Naming(**naming)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request: the application is called with the first part that is asked for, and each part is made as the request's."""
        block: Any = contextlib.nullcontext()
        try:
            block = self._naming.block(_request_of_wsgi(environ))
        except Exception as error:  # noqa: BLE001 - the request is answered, for nobody
            failed("web", error)
        return self._parts(block, environ, start_response)

    def _parts(self, block: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        with block:
            parts = self.app(environ, start_response)
            try:
                # Not `yield from`: whoever closes it would close the parts first, and not as the request's.
                for part in parts:  # noqa: UP028
                    yield part
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
