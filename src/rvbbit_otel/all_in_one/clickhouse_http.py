"""ClickHouse's HTTP protocol, as curl, clickhouse-connect and clickhouse-go speak it. https://clickhouse.com/docs/interfaces/http"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rvbbit_otel.all_in_one import bodies
from rvbbit_otel.all_in_one.answers import HELD, PACKED, AnswerPipe, HeldAnswer, Packer, StreamedAnswer
from rvbbit_otel.all_in_one.engine import Answer, Cost, Engine, EngineError
from rvbbit_otel.all_in_one.gate import MOST_BYTES, Checked, Gate
from rvbbit_otel.all_in_one.inserts import is_insert, read_insert
from rvbbit_otel.all_in_one.native import HANDSHAKE, handshake_block
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.query_settings import Value, settings_of
from rvbbit_otel.all_in_one.tree import format_named
from rvbbit_otel.all_in_one.typed_data import check_types
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError
from rvbbit_otel.storage.repair import STATEMENTS as REPAIRS

# HTTP status by the engine's code, as the real server's (ClickHouse src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
_STATUS: Mapping[int, int] = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 44, 46, 47, 48, 53, 62, 70, 72, 73, 81, 117, 130, 158, 167, 168, 186, 306), 400),
    **dict.fromkeys((386, 396, 456, 457, 536, 691, 718), 400),
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
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_DATABASES = frozenset({"default", "system", "information_schema", "INFORMATION_SCHEMA"})
# A URL is taken apart on the loop, so it is short (httptools takes none over 64 KiB); a long statement is a body.
_URL_BYTES, _URL_FIELDS = 64 * 1024, 1000
_LONGEST_ID = 256
# Bytes of an answer that a connection takes without waiting for its client.
_SMALL = 64 * 1024
# Seconds that an answer may take to reach its client after the engine's own limit.
_SENDING_SECONDS = 60


@dataclass
class _Running:
    """A question on its way through the engine: what stops it, from the loop's side or from the thread's."""

    readers: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)


class ClickHouseHttp:
    """The door to SQL, in front of an engine. What checks, what asks and what writes have threads of their own, so none waits for another."""

    def __init__(self, engine: Engine, budget: bodies.Budget, options: Options) -> None:
        """Nothing is asked yet."""
        self._budget = budget
        self._engine = engine
        self._options = options
        self._gate = Gate(engine.connect, options)
        # What is held of answers until their queries have ended, or their clients have taken them.
        self._held = bodies.Budget(2 * options.result_bytes)
        self._checks = ThreadPoolExecutor(2, thread_name_prefix="sql-check")
        self._questions = ThreadPoolExecutor(options.readers + 2, thread_name_prefix="sql-question")
        self._inserts = ThreadPoolExecutor(2, thread_name_prefix="sql-insert")
        self._services = ThreadPoolExecutor(2, thread_name_prefix="sql-service")

    def make_app(self, *more: Route) -> Starlette:
        """The ASGI application, with more routes of others."""
        alive = [
            Route(path, lambda _: PlainTextResponse("Ok.\n", headers=_SERVER))
            for path in ("/ping", "/ping/", "/replicas_status", "/replicas_status/")
        ]
        return Starlette(routes=[*more, *alive, Route("/", self.answer, methods=_METHODS)])

    def close(self) -> None:
        """Close what the door has opened at the engine."""
        self._checks.shutdown()
        self._gate.close()

    async def answer(self, request: Request) -> Response | HeldAnswer | StreamedAnswer:
        """Run the request's statement."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(_METHODS), **_SERVER})
        sent = request.scope["query_string"]
        if len(sent) > _URL_BYTES or sent.count(b"&") > _URL_FIELDS:
            await bodies.discard(request.stream())
            return PlainTextResponse("the URL is too long: send the statement as the body\n", 414, headers=_SERVER)
        headers = {**_SERVER, "X-ClickHouse-Query-Id": _query_id(request)}
        try:
            with self._budget.share() as share:
                encoding = request.headers.get("content-encoding", "")
                body = await bodies.read(request.stream(), encoding, self._options.max_body, share)
                text = request.query_params.get("query", "").encode()
                # The real server puts the two together: the body is the rest of the statement, or an insert's data.
                text = text + b"\n" + body if text and body else text or body
                if request.method != "POST" and not text:
                    return PlainTextResponse("Ok.\n", headers=headers)
                return await self._run(request, text, headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except RvbbitOtelError as error:
            return _failure(error, headers)

    async def _run(
        self, request: Request, text: bytes, headers: dict[str, str]
    ) -> Response | HeldAnswer | StreamedAnswer:
        if is_insert(text):
            if request.method != "POST":
                raise EngineError(
                    f"Code: 164. DB::Exception: Cannot execute query in readonly mode: {request.method} only reads. (READONLY)"
                )
            await asyncio.get_running_loop().run_in_executor(self._inserts, self._insert, text)
            return _done(_NOTHING, "TabSeparated", "text/tab-separated-values; charset=UTF-8", headers)
        if len(text) > MOST_BYTES:
            raise EngineError(
                f"Code: 62. DB::Exception: Max query size exceeded: over {MOST_BYTES} bytes. (SYNTAX_ERROR)"
            )
        try:
            query = text.decode()
        except UnicodeDecodeError as error:
            raise EngineError(
                f"Code: 62. DB::Exception: Syntax error: the query is no UTF-8: {error}. (SYNTAX_ERROR)"
            ) from error
        if request.method == "POST" and query.strip() in REPAIRS:
            await asyncio.get_running_loop().run_in_executor(self._inserts, self._engine.command, query)
            return _done(_NOTHING, "TabSeparated", "text/tab-separated-values; charset=UTF-8", headers)
        return await self._question(request, query, headers)

    def _insert(self, text: bytes) -> None:
        insert = read_insert(text)
        check_types(insert.data, insert.format_name, self._gate.vocabulary.is_zone)
        self._engine.insert_rows(insert.table, insert.columns, insert.data, insert.format_name)

    async def _question(
        self, request: Request, query: str, headers: dict[str, str]
    ) -> Response | HeldAnswer | StreamedAnswer:
        given = request.query_params
        database = given.get("database") or request.headers.get("x-clickhouse-database") or "default"
        if database not in _DATABASES:
            raise EngineError(f"Code: 81. DB::Exception: Database {database[:80]} does not exist. (UNKNOWN_DATABASE)")
        checked = self._gate.kept(query, database) or await self._check(query, database)
        if "client_protocol_version" in given and checked.statement == (await self._check(HANDSHAKE)).statement:
            return _done(Answer(1, 0, 0, handshake_block()), "Native", "application/octet-stream", headers)
        parameters = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
        self._gate.bind(checked, parameters, database)
        asked = checked.format_name or given.get("default_format") or request.headers.get("x-clickhouse-format")
        format_name, content_type = format_named(asked or "TabSeparated", self._gate.vocabulary)
        settings = settings_of(given.multi_items(), self._options, self._gate.vocabulary.is_zone)
        settings.update(self._gate.settings_of(checked))
        # An older client knows no answer without a length.
        whole = given.get("wait_end_of_query") in ("1", "true") or request.scope.get("http_version") == "1.0"
        packing = _encoding(request) if given.get("enable_http_compression") in ("1", "true") else None
        headers.update({"Content-Type": content_type, "X-ClickHouse-Format": format_name})
        if packing:
            headers["Content-Encoding"] = packing
        pipe = AnswerPipe(self._options.result_bytes)
        running = _Running()
        ask = self._asker(checked, settings, database, format_name, parameters, pipe, running)
        return await self._answered(request, ask, pipe, running, Packer(packing, self._services), whole, headers)

    async def _check(self, query: str, database: str = "default") -> Checked:
        return await asyncio.get_running_loop().run_in_executor(self._checks, self._gate.check, query, database)

    def _asker(
        self,
        checked: Checked,
        settings: Mapping[str, Value],
        database: str,
        format_name: str,
        parameters: Mapping[str, str],
        pipe: AnswerPipe,
        running: _Running,
    ) -> Callable[[], Cost]:
        def ask() -> Cost:
            try:
                if running.left.is_set():
                    raise StoreUnavailableError("the client is gone")
                with self._engine.reader(settings, database) as reader:
                    running.readers.append(reader.name)
                    if running.left.is_set():
                        raise StoreUnavailableError("the client is gone")
                    return reader.write(checked.statement, format_name, pipe.descriptor, parameters)
            finally:
                pipe.end_writing()

        return ask

    async def _answered(
        self,
        request: Request,
        ask: Callable[[], Cost],
        pipe: AnswerPipe,
        running: _Running,
        packer: Packer,
        whole: bool,
        headers: dict[str, str],
    ) -> Response | HeldAnswer | StreamedAnswer:
        """The answer as a whole if it is short, as a stream if not; if the client goes away first, its query is stopped, or never begun."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.query_seconds + _SENDING_SECONDS
        await pipe.open()
        asking = loop.run_in_executor(self._questions, ask)
        left = asyncio.ensure_future(_until_gone(request))

        def stop() -> None:
            left.cancel()
            pipe.end_reading()
            running.left.set()
            if asking.done():
                asking.cancelled() or asking.exception()
                return
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
            for reader in running.readers:
                self._services.submit(self._engine.cancel, reader)

        held = bytearray()
        streamed = False
        # Given back when the answer has left, by whichever way.
        room = contextlib.ExitStack()
        share = room.enter_context(self._held.share())
        try:
            reading = asyncio.ensure_future(pipe.read())
            while True:
                await asyncio.wait(
                    (reading, left), timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED
                )
                if not reading.done():
                    reading.cancel()
                    if left.done():
                        raise ClientDisconnect
                    raise StoreUnavailableError("as many queries as may run at once do so: try again later")
                piece = reading.result()
                share.take(len(piece))
                held += piece
                if not piece or (len(held) > HELD and not whole):
                    break
                reading = asyncio.ensure_future(pipe.read())
            if piece:
                streamed = True
                raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
                return StreamedAnswer(
                    raw, bytes(held), pipe, packer, asking, left, deadline, self._options.send_seconds, stop
                )
            cost = await asking
            body = await packer.pack(bytes(held), last=True)
            answer = _done(Answer(cost.rows, cost.read_rows, cost.read_bytes, body), None, None, headers, len(held))
            if len(body) <= _SMALL:
                return answer
            return HeldAnswer(answer.raw_headers, body, self._options.send_seconds, room.pop_all().close)
        finally:
            room.close()
            if not streamed:
                stop()


async def _until_gone(request: Request) -> None:
    with contextlib.suppress(ClientDisconnect):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _query_id(request: Request) -> str:
    """The client's own name for its question, where it can stand in a header."""
    given = request.query_params.get("query_id", "")
    usable = given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST_ID
    return given if usable else str(uuid.uuid4())


def _encoding(request: Request) -> str | None:
    accepted = request.headers.get("accept-encoding", "")
    return next((name for name in PACKED if name in accepted), None)


_NOTHING = Answer(0, 0, 0, b"")


def _done(
    answer: Answer,
    format_name: str | None,
    content_type: str | None,
    headers: Mapping[str, str],
    size: int | None = None,
) -> Response:
    summary = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": answer.read_rows,
        "result_rows": answer.rows,
        "result_bytes": len(answer.body) if size is None else size,
    }
    said = {"Content-Type": content_type, "X-ClickHouse-Format": format_name}
    return Response(
        answer.body,
        headers={
            **headers,
            **{name: value for name, value in said.items() if value is not None},
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        },
    )


def _failure(error: RvbbitOtelError, headers: Mapping[str, str]) -> Response:
    if isinstance(error, EngineError):
        code, status = error.code, _STATUS.get(error.code, 500)
    elif isinstance(error, StoreUnavailableError):
        code, status = 202, 503
    else:
        code, status = 0, 413 if isinstance(error, bodies.BodyTooLargeError) else 400
    kept = {name: value for name, value in headers.items() if name in ("X-ClickHouse-Query-Id", *_SERVER)}
    return PlainTextResponse(f"{error}\n", status, headers={**kept, "X-ClickHouse-Exception-Code": str(code)})
