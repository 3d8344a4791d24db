"""The page as an ASGI application: one route a view, each as HTML, JSON and CSV, under a policy that lets nothing else be fetched or run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from rvbbit_otel.errors import ConfigurationError, RvbbitOtelError, StoreUnavailableError
from rvbbit_otel.page.address import ROOT, Address
from rvbbit_otel.page.asking import Answer, Asker, Store
from rvbbit_otel.page.export import as_csv, as_json
from rvbbit_otel.page.options import PageOptions
from rvbbit_otel.page.rendering import Rendering
from rvbbit_otel.page.views.every import VIEWS
from rvbbit_otel.page.views.view import View

_log = logging.getLogger(__name__)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC: Final[Mapping[str, str]] = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def make_page(store: Store, options: PageOptions) -> Starlette:
    """The page over a store, with its addresses below ``/page``."""
    rendering = Rendering(options)
    routes: list[Route] = [_static(name, kind) for name, kind in _STATIC.items()]
    for view in VIEWS:
        pages = _Pages(view, store, options, rendering)
        routes += [Route(f"/{view.name}{extension}", pages) for extension in ("", ".json", ".csv")]
        if view.name == "callers":
            routes.append(Route("/", pages))
    home = next(route.endpoint for route in routes if route.path == "/")
    return Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse(f"{ROOT}/", 302)),
            Route(ROOT, home),
            Mount(ROOT, routes=routes),
            Route("/{path:path}", lambda _: _missing(rendering)),
        ],
        exception_handlers={404: lambda request, error: _missing(rendering)},
    )


class _Pages:
    """The endpoints of one view."""

    def __init__(self, view: View, store: Store, options: PageOptions, rendering: Rendering) -> None:
        self._view, self._store, self._options, self._rendering = view, store, options, rendering

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        response = await self.answer(Request(scope, receive))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The view, as the address's ending wants it."""
        address = Address(self._view.name, {}, datetime.now(timezone.utc))
        extension = request.url.path.rpartition(".")[2]
        asker = Asker(self._store)
        try:
            address = Address(self._view.name, dict(request.query_params), address.now)
            shown = await self._view.build(asker, address, self._options)
            if extension == "json":
                return _answer(as_json(self._view.name, asker.answers), "application/json")
            if extension == "csv":
                name = f"{self._view.name}.csv"
                return _answer(
                    as_csv(_of_csv(asker.answers, address.get("table", self._view.csv))),
                    "text/csv; charset=utf-8",
                    more={"Content-Disposition": f'attachment; filename="{name}"'},
                )
            html = self._rendering.view(self._view, address, asker.answers, shown)
            return _answer(html.encode(), "text/html; charset=utf-8", shown.get("http_status", 200))
        except RvbbitOtelError as error:
            return self._failed(address, extension, error)
        except Exception as error:  # noqa: BLE001 - a view that has a fault is a page that says so, and the others go on
            _log.exception("the view %s could not be made", self._view.name)
            told = StoreUnavailableError(
                f"this view could not be made ({type(error).__name__}); the server's log has the whole error"
            )
            return self._failed(address, extension, told, 500)

    def _failed(self, address: Address, extension: str, error: RvbbitOtelError, status: int | None = None) -> Response:
        if status is None:
            status = (
                503
                if isinstance(error, StoreUnavailableError)
                else 400
                if isinstance(error, ConfigurationError)
                else 502
            )
        if extension in ("json", "csv"):
            return _answer(f"{error}\n".encode(errors="replace"), "text/plain; charset=utf-8", status)
        try:
            html = self._rendering.error(self._view, address, error, status)
        except ConfigurationError:  # The time range itself is what is wrong.
            html = self._rendering.error(self._view, Address(address.view, {}, address.now), error, status)
        return _answer(html.encode(errors="replace"), "text/html; charset=utf-8", status)


def _of_csv(answers: Sequence[Answer], name: str) -> Answer:
    for answer in answers:
        if answer.name == name:
            return answer
    raise ConfigurationError(
        f"table={name[:80]!r} is none of {', '.join(dict.fromkeys(each.name for each in answers))}"
    )


def _missing(rendering: Rendering) -> Response:
    return _answer(rendering.missing().encode(), "text/html; charset=utf-8", 404)


def _static(name: str, kind: str) -> Route:
    body = (files("rvbbit_otel.page") / "static" / name).read_bytes()
    return Route(f"/{name}", lambda _: _answer(body, kind, more={"Cache-Control": "no-cache"}))


def _answer(body: bytes, kind: str, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, {**_HEADERS, "Content-Type": kind, **(more or {})})
