"""ClickHouse's HTTP protocol, as curl, clickhouse-connect and clickhouse-go speak it. https://clickhouse.com/docs/interfaces/http"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import uuid
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rvbbit_otel.all_in_one import bodies
from rvbbit_otel.all_in_one.engine import Answer, Engine, EngineError
from rvbbit_otel.all_in_one.gate import as_insert, check_question
from rvbbit_otel.all_in_one.native import HANDSHAKE, handshake_block
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.query_settings import settings_of
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError
from rvbbit_otel.storage.repair import STATEMENTS as REPAIRS

# HTTP status by the engine's code, as the real server's (ClickHouse src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
_STATUS: Mapping[int, int] = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 44, 46, 47, 48, 53, 62, 70, 72, 73, 81, 117, 130, 158, 386, 396, 456, 457, 691), 400),
    **dict.fromkeys((60, 115), 404),
    **dict.fromkeys((164, 497, 516), 403),
    **dict.fromkeys((159,), 408),
    **dict.fromkeys((202, 439), 503),
}  # fmt: skip
_SERVER = {
    "X-ClickHouse-Server-Display-Name": "rvbbit-otel",
    "X-ClickHouse-Timezone": "UTC",
    "X-Content-Type-Options": "nosniff",
}
_CONTENT_TYPES = {"JSON": "application/json; charset=UTF-8", "Native": "application/octet-stream"}


_NOTHING = Answer(b"", 0, 0, 0)
# What zlib calls the encodings that an answer may be packed in.
_PACKED: Mapping[str, int] = {"gzip": 31, "deflate": 15}


class ClickHouseHttp:
    """The door to SQL, in front of an engine."""

    def __init__(self, engine: Engine, budget: bodies.Budget, options: Options) -> None:
        """Questions run in threads of their own, one a reader."""
        self._budget = budget
        self._engine = engine
        self._options = options
        self._threads = ThreadPoolExecutor(options.readers + 2, thread_name_prefix="clickhouse-http")

    def make_app(self, *more: Route) -> Starlette:
        """The ASGI application, with more routes of others."""
        return Starlette(
            routes=[
                *more,
                Route("/ping", lambda _: PlainTextResponse("Ok.\n", headers=_SERVER)),
                Route("/replicas_status", lambda _: PlainTextResponse("Ok.\n", headers=_SERVER)),
                Route("/", self.answer, methods=["GET", "POST"]),
            ]
        )

    async def answer(self, request: Request) -> Response:
        """Run the request's statement."""
        query_id = request.query_params.get("query_id") or str(uuid.uuid4())
        try:
            with self._budget.share() as share:
                encoding = request.headers.get("content-encoding", "")
                body = await bodies.read(request.stream(), encoding, self._options.max_body, share)
                text = request.query_params.get("query", "").encode()
                # The real server puts the two together: the body is the rest of the statement, or an insert's data.
                text = text + b"\n" + body if text and body else text or body
                if request.method == "GET" and not text:
                    return PlainTextResponse("Ok.\n", headers=_SERVER)
                response = await self._run(request, text)
        except ClientDisconnect:
            return Response(status_code=400)
        except RvbbitOtelError as error:
            response = _failure(error)
        response.headers["X-ClickHouse-Query-Id"] = query_id
        response.headers.update(_SERVER)
        return response

    async def _run(self, request: Request, text: bytes) -> Response:
        insert = as_insert(text)
        loop = asyncio.get_running_loop()
        if insert is not None:
            if request.method == "GET":
                raise EngineError(
                    "Code: 164. DB::Exception: Cannot execute query in readonly mode: GET only reads. (READONLY)"
                )
            await loop.run_in_executor(
                self._threads, self._engine.insert, insert.statement, insert.data, insert.format_name
            )
            return _done(_NOTHING, "TabSeparated")
        try:
            query = text.decode()
        except UnicodeDecodeError as error:
            raise EngineError(
                f"Code: 62. DB::Exception: Syntax error: the query is no UTF-8: {error}. (SYNTAX_ERROR)"
            ) from error
        given = request.query_params
        format_name = given.get("default_format") or request.headers.get("x-clickhouse-format") or "TabSeparated"
        if not format_name.isalnum():
            raise EngineError(f"Code: 73. DB::Exception: Unknown format {format_name[:40]!r}. (UNKNOWN_FORMAT)")
        if query.strip() in REPAIRS and request.method == "POST":
            await loop.run_in_executor(self._threads, self._engine.command, query)
            return _done(_NOTHING, format_name)
        if HANDSHAKE.fullmatch(query) and "client_protocol_version" in given:
            return _done(Answer(handshake_block(), 1, 0, 0), "Native")
        database = given.get("database") or request.headers.get("x-clickhouse-database") or "default"
        if database != "default":
            raise EngineError(f"Code: 81. DB::Exception: Database {database} does not exist. (UNKNOWN_DATABASE)")
        parameters = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
        settings = settings_of(given.multi_items(), self._options)
        answer = await self._ask(request, query, format_name, parameters, settings)
        response = _done(answer, format_name)
        accepted = request.headers.get("accept-encoding", "")
        encoding = next((name for name in _PACKED if name in accepted), None)
        if given.get("enable_http_compression") == "1" and encoding is not None:
            response.body = await asyncio.to_thread(_packed, answer.body, _PACKED[encoding])
            response.headers["Content-Encoding"] = encoding
            response.headers["Content-Length"] = str(len(response.body))
        return response

    async def _ask(
        self,
        request: Request,
        query: str,
        format_name: str,
        parameters: Mapping[str, str],
        settings: Mapping[str, int | str],
    ) -> Answer:
        """The answer; if the client goes away first, its query is stopped, or never begun."""
        running: list[str] = []
        left = threading.Event()

        def ask() -> Answer:
            with self._engine.reader(settings) as reader:
                check_question(reader, query, parameters)
                running.append(reader.name)
                if left.is_set():
                    raise StoreUnavailableError("the client is gone")
                return reader.run(query, format_name, parameters)

        answer = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        gone = asyncio.ensure_future(_until_gone(request))
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            gone.cancel()
        else:
            left.set()
            for reader in tuple(running):
                await asyncio.to_thread(self._engine.cancel, reader)
        return await answer


def _packed(body: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(level=3, wbits=wbits)
    return packer.compress(body) + packer.flush()


async def _until_gone(request: Request) -> None:
    with contextlib.suppress(ClientDisconnect):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _done(answer: Answer, format_name: str) -> Response:
    content_type = next(
        (kind for prefix, kind in _CONTENT_TYPES.items() if format_name.startswith(prefix)), "text/plain; charset=UTF-8"
    )
    summary = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": answer.read_rows,
        "result_rows": answer.rows,
        "result_bytes": len(answer.body),
    }
    return Response(
        answer.body,
        headers={
            "Content-Type": content_type,
            "X-ClickHouse-Format": format_name,
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        },
    )


def _failure(error: RvbbitOtelError) -> Response:
    if isinstance(error, EngineError):
        code, status = error.code, _STATUS.get(error.code, 500)
    elif isinstance(error, StoreUnavailableError):
        code, status = 202, 503
    else:
        code, status = 0, 413 if isinstance(error, bodies.BodyTooLargeError) else 400
    return PlainTextResponse(f"{error}\n", status, headers={"X-ClickHouse-Exception-Code": str(code)})
