"""The middleware for ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.flushing import flush
from rvbbit_otel.instrumentation.web.naming import Answering, Naming, Request, joined

AsgiApp = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class AsgiCallers:
    """``app.add_middleware(AsgiCallers, name=lambda request: ...)``, or around any ASGI application; the fields of `Naming`."""

    def __init__(self, app: AsgiApp, **naming: Any) -> None:
        """Around this application."""
        self.app = app
        self._naming = Naming(**naming)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer a request; what is none (the application's start and end) is nobody's."""
        await answer(self._naming, self.app, scope, receive, send)


async def answer(naming: Naming, app: AsgiApp, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Let an application answer a request as the block that it is."""
    if scope["type"] == "lifespan":
        try:
            await app(scope, receive, send)
        finally:
            flush()  # Uvicorn ends by the signal that asked it to, without exit handlers.
        return
    block: Answering | None = None
    try:
        if scope["type"] in ("http", "websocket"):
            block = naming.block(_request(scope), scope)
    except Exception as error:  # noqa: BLE001 - the request is answered, for nobody
        failed("web", error)
    if block is None:
        await app(scope, receive, send)
        return

    async def sending(message: MutableMapping[str, Any]) -> None:
        try:
            if message["type"] == "http.response.start":
                block.said(message["status"])
        except Exception as error:  # noqa: BLE001 - the answer is sent
            failed("web.said", error)
        await send(message)

    with block:
        await app(scope, receive, sending)


def _request(scope: MutableMapping[str, Any]) -> Request:
    headers = joined([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers", ())])
    return Request(
        scope.get("method", "WEBSOCKET"), scope["path"], headers, (scope.get("client") or ("",))[0] or "", scope
    )
