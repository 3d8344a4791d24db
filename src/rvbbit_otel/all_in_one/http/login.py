"""Let a browser in to the page where a token is required: a form takes the token once, and a cookie stands for it
until this process ends.

The cookie is not the token: cookies of one host go to all of its ports. It opens what the page needs, the page and questions by GET, for requests
that this page makes (SameSite, and the guard before it); no script can read it.
"""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import parse_qs, quote

from rvbbit_otel.all_in_one.http.asgi import Receive, Scope, Send, same
from rvbbit_otel.all_in_one.tokens import READ, Tokens

PATH: Final = "/page"
_COOKIE: Final = "rvbbit_otel"
# Bytes of a form.
_MOST: Final = 8192
_FORM: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>rvbbit-otel</title><h1>Whose is it?</h1>"
    "<form method=post><label>Token of this server: <input name=token type=password autocomplete=current-password autofocus></label> "
    "<button>Open</button></form>"
)
_HEADERS: Final = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    # With "no-referrer", a browser sends the form with `Origin: null`.
    (b"referrer-policy", b"same-origin"),
]


class Login:
    """The form, and who went through it."""

    def __init__(self, tokens: Tokens) -> None:
        """Nobody has, yet."""
        self._tokens = tokens
        self._secret = secrets.token_urlsafe(32)

    def knows(self, scope: Scope) -> bool:
        """Return whether a read-only request brings our cookie."""
        if scope["method"] not in ("GET", "HEAD"):
            return False
        sent = b"; ".join(value for key, value in scope["headers"] if key == b"cookie").decode("latin-1")
        pairs = (pair.strip().partition("=") for pair in sent.split(";"))
        return any(name == _COOKIE and same(value, self._secret) for name, _, value in pairs)

    def is_for(self, scope: Scope) -> bool:
        """Return whether a refused request is one of a browser that wants the page."""
        path = scope["path"]
        return (path == PATH or path.startswith(f"{PATH}/")) and scope["method"] in ("GET", "HEAD", "POST")

    def _opens(self, offered: str) -> bool:
        known = self._tokens.of([offered])
        return known is not None and READ in known.rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Show the form, or take it."""
        if scope["method"] == "POST" and self._opens(await _token_of(receive)):
            cookie = f"{_COOKIE}={self._secret}; Path=/; HttpOnly; SameSite=Strict"
            # Back to the address that was asked for, so that one which was shared is opened.
            query = scope.get("query_string", b"")
            place = quote(scope["path"], safe="/").encode() + (b"?" + query if query else b"")
            headers = [(b"location", place), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 401, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _FORM.encode()})


async def _token_of(receive: Receive) -> str:
    body, more = b"", True
    while more and len(body) <= _MOST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return ""
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        fields = {} if more else parse_qs(body.decode("latin-1"), max_num_fields=10)
    except ValueError:
        return ""
    return fields.get("token", [""])[0]
