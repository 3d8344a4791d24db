"""The page beside the SQL listener: whose addresses are which, and how the page asks.

It asks as any client of the SQL listener does, by a GET that passes the same guard and the same checks with the same token; only that no socket lies
between, since this process can connect to nobody, itself among them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from rvbbit_otel.all_in_one.http.asgi import App, Receive, Scope, Send
from rvbbit_otel.all_in_one.options import EVERY_ADDRESS
from rvbbit_otel.errors import StoreError, StoreUnavailableError

PATH: Final = "/page"
# What Java's own HTTP client accepts, and so an old JDBC driver: it begins as a browser's does.
_JAVA: Final = b"*; q=.2"
_BUSY: Final = (408, 429, 503)
# As ClickHouse reads the value of a parameter: TabSeparated.
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def beside(sql: App, page: App) -> App:
    """One application of two: below ``/page`` the page, where a browser opens ``/`` too; everything else is the SQL listener's."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == PATH or path.startswith(PATH + "/")):
            await page(scope, receive, send)
        elif scope["type"] == "http" and is_browser_at_root(scope):
            headers = [(b"location", f"{PATH}/".encode()), (b"content-length", b"0"), (b"vary", b"accept")]
            await send({"type": "http.response.start", "status": 302, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await sql(scope, receive, send)

    return either


def is_browser_at_root(scope: Scope) -> bool:
    """Return whether a browser asks for ``/``; ClickHouse clients that check for a server get its ``Ok.`` there."""
    if scope["path"] != "/" or scope.get("query_string") or scope["method"] not in ("GET", "HEAD"):
        return False
    accepted = b",".join(value for key, value in scope["headers"] if key == b"accept")
    return accepted.startswith(b"text/html") and _JAVA not in accepted


class LazyPage:
    """The page, loaded when it is first opened: a store that nobody looks at has no use for templates."""

    def __init__(self, listener: SqlListener) -> None:
        """Nothing is loaded yet."""
        self._listener = listener
        self._page: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below ``/page``."""
        try:
            if self._page is None:
                self._page = await asyncio.get_running_loop().run_in_executor(None, self._load)
        except ImportError as error:
            text = (
                f"rvbbit-otel: the page needs a package ({error}): pip install 'rvbbit-otel[page]', and start again\n"
            )
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": text.encode()})
            return
        await self._page(scope, receive, send)

    def _load(self) -> App:
        from rvbbit_otel.page import PageOptions, make_page

        page: App = make_page(self._listener, PageOptions())
        return page


class SqlListener:
    """The store as the page asks it: the guarded SQL application, called in this process."""

    def __init__(self, app: App, host: str, token: str | None) -> None:
        """`app` is guarded; `host` is what is listened on."""
        self._app = app
        name = "127.0.0.1" if host in EVERY_ADDRESS else f"[{host}]" if ":" in host else host
        self._headers = [(b"host", name.encode())]
        if token:
            # A header is Latin-1, and a token may be any text: so it goes as a password does.
            self._headers.append((b"authorization", b"Basic " + base64.b64encode(f":{token}".encode())))

    async def ask(self, sql: str, parameters: Mapping[str, str], settings: Mapping[str, str]) -> bytes:
        """Return the answer in JSONCompact."""
        given = {
            "default_format": "JSONCompact",
            # An error then is one, never the end of half an answer.
            "wait_end_of_query": "1",
            **settings,
            **{f"param_{name}": value.translate(_ESCAPES) for name, value in parameters.items()},
        }
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": urlencode(given).encode(),
            "headers": self._headers,
            "client": None,
            "server": None,
        }
        sent = [{"type": "http.request", "body": sql.encode(errors="replace"), "more_body": False}]
        status, body = 500, bytearray()

        async def receive() -> dict[str, object]:
            # After its body nothing comes, until the question has ended.
            return sent.pop() if sent else await asyncio.Future()

        async def send(message: Mapping[str, object]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(str(message["status"]))
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))  # type: ignore[arg-type]

        await self._app(scope, receive, send)
        if status == 200:
            return bytes(body)
        said = bytes(body[:2000]).decode(errors="replace").strip() or f"HTTP status {status}"
        raise StoreUnavailableError(said) if status in _BUSY else StoreError(said)
