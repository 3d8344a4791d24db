"""Who may talk to a door: programs of this machine, or whoever has the token; never a web page from elsewhere.

A page in the user's browser can reach loopback addresses, by a name that it made resolve to one (DNS rebinding) or by a plain request. So the Host
must be one that we listen on, and a foreign Origin or a cross-site fetch is refused. No CORS header is ever sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from rvbbit_otel.all_in_one.options import is_loopback

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# RFC 9110, 7.2, without what no client of ours writes.
_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://(?P<authority>[^/]*)")


def guarded(app: App, host: str, token: str | None) -> App:
    """`app`, reached by those who may."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        refusal = refused(scope["headers"], host) or (None if has_token(scope, token) else (401, "a token is needed"))
        if refusal is None:
            await app(scope, receive, send)
            return
        status, text = refusal
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": f"rvbbit-otel: {text}\n".encode()})

    return guard


def refused(headers: Iterable[tuple[bytes, bytes]], host: str) -> tuple[int, str] | None:
    """The status and the reason to refuse a request for where it comes from, None if it may pass."""
    named = [value.decode("latin-1") for key, value in headers if key == b"host"]
    if len(named) != 1 or not _is_ours(named[0], host):
        return 421, "the Host header names another server"
    for key, value in headers:
        origin = _ORIGIN.fullmatch(value.decode("latin-1")) if key == b"origin" else None
        if key == b"origin" and (origin is None or not _is_ours(origin["authority"], host)):
            return 403, "requests of pages from elsewhere are refused"
        if key == b"sec-fetch-site" and value in (b"cross-site", b"same-site"):
            return 403, "requests of pages from elsewhere are refused"
    return None


def has_token(scope: Scope, token: str | None) -> bool:
    """Whether the request carries the token: as a bearer, as ClickHouse's key or password, or none is asked for."""
    if token is None:
        return True
    offered = []
    for key, value in scope["headers"]:
        text = value.decode("latin-1")
        if key == b"x-clickhouse-key":
            offered.append(text)
        elif key == b"authorization":
            scheme, _, rest = text.partition(" ")
            offered.append(_password(rest) if scheme.lower() == "basic" else rest)
    offered += parse_qs(scope.get("query_string", b"").decode("latin-1")).get("password", [])
    return any(same(each, token) for each in offered)


def same(offered: str, token: str) -> bool:
    """Compare in a time that tells nothing of the token."""
    return hmac.compare_digest(offered.encode(), token.encode())


def _is_ours(authority: str, host: str) -> bool:
    # A pattern, not urlsplit: that one takes "127.0.0.1/../evil.example" apart kindly, and raises for "[::1".
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found["port"] or 0) > 65535:
        return False
    name = found["name"].strip("[]").lower()
    return (
        name == host.lower()
        or (is_loopback(name) and is_loopback(host))
        or (host in ("0.0.0.0", "::") and is_loopback(name))
    )


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
