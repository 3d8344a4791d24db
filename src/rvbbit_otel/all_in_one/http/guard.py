"""Decide who may talk to a listener: programs of this machine, or whoever has the token; never a web page from
elsewhere.

A page in the user's browser can reach our addresses, by a name that it made resolve to one (DNS rebinding) or by a plain request. So the Host must be
one that we listen on, and a foreign Origin or a cross-site fetch is refused. No CORS header is ever sent. Where we listen on every address, any
address may be named, since rebinding needs a name (ADR 74).
"""

from __future__ import annotations

import base64
import binascii
import re
import socket
from collections.abc import Iterable
from urllib.parse import parse_qs

from rvbbit_otel.all_in_one.http.access_log import WHO
from rvbbit_otel.all_in_one.http.asgi import App, Receive, Scope, Send
from rvbbit_otel.all_in_one.http.login import Login
from rvbbit_otel.all_in_one.options import EVERY_ADDRESS
from rvbbit_otel.all_in_one.tokens import READ, RIGHTS, Token, Tokens, may
from rvbbit_otel.hosts import is_address, is_loopback

# RFC 9110, 7.2, without what no client of ours writes.
_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://(?P<authority>[^/]*)")


def guarded(app: App, names: Names, tokens: Tokens | None, login: Login | None = None, right: str = "") -> App:
    """`app`, reached by those who may; where there is a `login`, by browsers that went through it too.

    `right` is what a token has to allow for all of it; '' where `app` looks at that itself.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        refusal = refused(scope["headers"], names)
        known = token_of(scope, tokens) if refusal is None and tokens is not None else None
        if refusal is None and (tokens is None or known is not None or (login is not None and login.knows(scope))):
            if known is not None:
                scope[WHO], scope[RIGHTS] = known.name, known.rights
            elif tokens is not None:
                scope[WHO], scope[RIGHTS] = "page", frozenset({READ})
            if not right or may(scope, right):
                await app(scope, receive, send)
                return
            refusal = 403, f"this token may not {right} here"
        if refusal is None and login is not None and login.is_for(scope):
            await login(scope, receive, send)
            return
        status, text = refusal or (401, "a token is needed")
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": f"rvbbit-otel: {text}\n".encode()})

    return guard


class Names:
    """The values that a request's Host, or the Origin of a page of ours, may have."""

    def __init__(self, host: str, more: Iterable[str] = ()) -> None:
        """`host` is listened on; `more` are names by which clients reach it."""
        self._loopback = is_loopback(host)
        self._every = host in EVERY_ADDRESS
        machine = socket.gethostname().lower()
        own = () if self._loopback else (machine, machine.partition(".")[0])
        self._names = {host.lower(), *own, *(name.lower() for name in more)} - EVERY_ADDRESS

    def has(self, authority: str) -> bool:
        """Return whether a host (with its port, if it has one) is one of ours."""
        # A pattern, not urlsplit: that one takes "127.0.0.1/../evil.example" apart kindly, and raises for "[::1".
        found = _AUTHORITY.fullmatch(authority)
        if found is None or int(found["port"] or 0) > 65535:
            return False
        name = found["name"].strip("[]").lower()
        if name in self._names or ((self._loopback or self._every) and is_loopback(name)):
            return True
        return self._every and is_address(name) and name not in EVERY_ADDRESS


def refused(headers: Iterable[tuple[bytes, bytes]], names: Names) -> tuple[int, str] | None:
    """The status and the reason to refuse a request for where it comes from, None if it may pass."""
    named = [value.decode("latin-1") for key, value in headers if key == b"host"]
    if len(named) != 1 or not names.has(named[0]):
        return 421, "the Host header names another server; --allow-host adds a name"
    for key, value in headers:
        origin = _ORIGIN.fullmatch(value.decode("latin-1")) if key == b"origin" else None
        if key == b"origin" and (origin is None or not names.has(origin["authority"])):
            return 403, "requests of pages from elsewhere are refused"
        if key == b"sec-fetch-site" and value in (b"cross-site", b"same-site"):
            return 403, "requests of pages from elsewhere are refused"
    return None


def token_of(scope: Scope, tokens: Tokens) -> Token | None:
    """Return the token that a request carries: as a bearer, as ClickHouse's key or password; None if it has none of ours."""
    offered = []
    for key, value in scope["headers"]:
        text = value.decode("latin-1")
        if key == b"x-clickhouse-key":
            offered.append(text)
        elif key == b"authorization":
            scheme, _, rest = text.partition(" ")
            offered.append(_password(rest) if scheme.lower() == "basic" else rest)
    offered += parse_qs(scope.get("query_string", b"").decode("latin-1")).get("password", [])
    return tokens.of(offered)


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
