"""The middleware for WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.web.naming import Answering, Naming, Request
from rvbbit_otel.instrumentation.web.streaming import Parts, Streamed

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class WsgiCallers:
    """``app.wsgi_app = WsgiCallers(app.wsgi_app, name=lambda request: ...)`` for Flask, or around any WSGI application; the fields of `Naming`."""

    def __init__(self, app: WsgiApp, **naming: Any) -> None:
        """Around this application."""
        self.app = app
        self._naming = Naming(**naming)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; each part of the answer is made as the request's, and its server is left alone between two."""
        return answer(self._naming, self.app, environ, start_response)


def answer(
    naming: Naming, app: WsgiApp, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Let an application answer a request as the block that it is."""
    block: Answering | None = None
    try:
        block = naming.block(request_of(environ), environ)
    except Exception as error:  # noqa: BLE001 - the request is answered, for nobody
        failed("web", error)
    return app(environ, start_response) if block is None else _answered(block, app, environ, start_response)


def request_of(environ: dict[str, Any]) -> Request:
    """Return the request that a WSGI environment describes."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
    return Request(method, path, headers, environ.get("REMOTE_ADDR", ""), environ)


def _answered(
    block: Answering, app: WsgiApp, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    def starting(status: str, *more: Any) -> Any:
        try:
            if status[:3].isdigit():
                block.said(int(status[:3]))
        except Exception as error:  # noqa: BLE001 - the answer is begun
            failed("web.said", error)
        return start_response(status, *more)

    block.__enter__()
    try:
        parts = app(environ, starting)
        steps = iter(parts)
    except BaseException as error:
        block.__exit__(type(error), error, error.__traceback__)
        raise
    answered: Iterable[bytes] = parts
    try:
        answered = Parts(Streamed(block, getattr(parts, "close", _nothing)), steps)
        block.step_out()
    except Exception as error:  # noqa: BLE001 - the answer is sent, its parts for nobody
        failed("web.parts", error)
        block.__exit__(None, None, None)
    return answered


def _nothing() -> None:
    return None
