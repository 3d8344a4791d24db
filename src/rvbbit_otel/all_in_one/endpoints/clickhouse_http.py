"""ClickHouse's HTTP protocol, as its drivers speak it. https://clickhouse.com/docs/interfaces/http"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rvbbit_otel.all_in_one.answering.answers import StreamedAnswer
from rvbbit_otel.all_in_one.answering.asking import Asking, Reply, Work
from rvbbit_otel.all_in_one.answering.external_tables import external_tables
from rvbbit_otel.all_in_one.answering.native import HANDSHAKE, Dialect, handshake_block, write_native
from rvbbit_otel.all_in_one.answering.packing import Packer
from rvbbit_otel.all_in_one.answering.questions import Question, Questions
from rvbbit_otel.all_in_one.answering.replies import SERVER, answered, failed, nothing
from rvbbit_otel.all_in_one.answering.sessions import Sessions
from rvbbit_otel.all_in_one.answering.sql_request import SqlRequest, query_id_of, read_request
from rvbbit_otel.all_in_one.endpoints.own_statements import OwnStatements, own_statement
from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.engine.reader import Cost, Reader
from rvbbit_otel.all_in_one.http import bodies
from rvbbit_otel.all_in_one.http.access_log import told_of
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.commands import Command, Kill, Use, may_be_command
from rvbbit_otel.all_in_one.statements.gate import MOST_BYTES, Checked, Gate
from rvbbit_otel.all_in_one.statements.inserts import is_insert, read_insert
from rvbbit_otel.all_in_one.statements.query_settings import check_change, is_on, settings_of
from rvbbit_otel.all_in_one.statements.tree import format_named
from rvbbit_otel.all_in_one.statements.typed_data import check_types
from rvbbit_otel.all_in_one.tokens import ADMIN, READ, WRITE, may
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

_KILLED = "SELECT {status:String} AS kill_status, {id:String} AS query_id, 'default' AS user, {query:String} AS query WHERE {found:UInt8}"
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_DATABASES = frozenset({"default", "system", "information_schema", "INFORMATION_SCHEMA"})
# Whether a question waits for what was acknowledged before it. ClickHouse's setting of this name asks for that of its replicas; there it is 0 unless
# it is set, here 1.
WAIT = "select_sequential_consistency"
_WAIT_HEADER = "x-rvbbit-otel-wait"
# A URL is taken apart on the loop, so it is short (httptools takes none over 64 KiB); a long statement is a body.
_URL_BYTES, _URL_FIELDS = 64 * 1024, 1000

T = TypeVar("T")


class ClickHouseHttp:
    """The door to SQL, in front of an engine. What checks, what asks and what writes have threads of their own, so none waits for another."""

    def __init__(
        self,
        engine: Engine,
        budget: bodies.Budget,
        options: Options,
        ingest: Ingest,
        counters: Counters,
        after: Callable[[], None] = lambda: None,
        gave_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is asked yet. A question waits for what `ingest` has acknowledged before it.

        `after` is called when rows are stored, before their sender hears of it; `gave_up` for each question that the engine does not stop. They raise
        nothing.
        """
        self._after = after
        self._own = OwnStatements(engine, ingest, counters)
        self._ingest = ingest
        self._budget = budget
        self._engine = engine
        self._options = options
        self._gate = Gate(engine.connect, options)
        self._checks = ThreadPoolExecutor(2, thread_name_prefix="sql-check")
        self._inserts = ThreadPoolExecutor(2, thread_name_prefix="sql-insert")
        self._services = ThreadPoolExecutor(2, thread_name_prefix="sql-service")
        self._repairs = ThreadPoolExecutor(1, thread_name_prefix="sql-repair")
        self._questions = Questions(lambda reader: self._services.submit(engine.cancel, reader))
        self._asking = Asking(engine, options, self._questions, gave_up)
        self._sessions = Sessions()

    def make_app(self) -> Starlette:
        """The ASGI application."""
        alive = [
            Route(path, lambda _: PlainTextResponse("Ok.\n", headers=SERVER))
            for path in ("/ping", "/ping/", "/replicas_status", "/replicas_status/")
        ]
        return Starlette(routes=[*alive, Route("/", self.answer, methods=_METHODS)])

    def close(self) -> None:
        """Close what the door has opened at the engine."""
        self._checks.shutdown()
        self._gate.close()

    async def answer(self, request: Request) -> Reply:
        """Run the request's statement."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(_METHODS), **SERVER})
        sent = request.scope["query_string"]
        if len(sent) > _URL_BYTES or sent.count(b"&") > _URL_FIELDS:
            await bodies.discard(request.stream())
            return PlainTextResponse("the URL is too long: send the statement as the body\n", 414, headers=SERVER)
        query_id = query_id_of(request)
        headers = {**SERVER, "X-ClickHouse-Query-Id": query_id}
        asked = None
        try:
            with self._budget.share() as share:
                asked = await read_request(request, query_id, self._options.max_body, share)
                told_of(request.scope).statement = asked.text
                if not asked.writes and not asked.text:
                    return PlainTextResponse("Ok.\n", headers=headers)
                return await self._run(request, asked, headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except RvbbitOtelError as error:
            return failed(error, headers, asked)

    async def _run(self, request: Request, asked: SqlRequest, headers: dict[str, str]) -> Reply:
        if asked.writes and (ours := own_statement(asked.text)):
            _only_with(request, ADMIN)
            await self._catch_up(asked.given, Question(asked.query_id, ours))
            await self._in(self._repairs, self._own.run, ours, asked.parameters)
            return nothing(headers)
        if is_insert(asked.text):
            _only_with(request, WRITE)
            _only_if_it_writes(asked)
            return nothing(headers, await self._in(self._inserts, self._insert, asked.text))
        _only_with(request, READ)
        if len(asked.text) > MOST_BYTES:
            raise EngineError(
                f"Code: 62. DB::Exception: Max query size exceeded: over {MOST_BYTES} bytes. (SYNTAX_ERROR)"
            )
        try:
            query = asked.text.decode()
        except UnicodeDecodeError as error:
            raise EngineError(
                f"Code: 62. DB::Exception: Syntax error: the query is no UTF-8: {error}. (SYNTAX_ERROR)"
            ) from error
        if may_be_command(asked.text):
            command = await self._in(self._checks, self._gate.command, query, asked.parameters)
            if not isinstance(command, Kill):
                self._remember(asked, command)
                return nothing(headers)
            _only_if_it_writes(asked)
            return await self._kill(asked, command, headers)
        return await self._question(request, asked, query, headers)

    async def _catch_up(self, settings: Mapping[str, object], question: Question) -> None:
        """Wait until all that was acknowledged before is rows, unless the question wants what there is now."""
        if str(settings.get(WAIT, 1)) not in ("1", "true", "True"):
            return None
        stored = self._ingest.all_so_far()
        reason = "what was acknowledged is not stored yet"
        try:
            if stored.done():
                return stored.result()
            if await question.wait(asyncio.wrap_future(stored), self._options.query_seconds):
                return None
        except StoreUnavailableError as error:
            question.check()
            reason = str(error)
        raise EngineError(
            f"Code: 159. DB::Exception: {reason}: ask again later, or ask for what there is now with {WAIT} = 0. (TIMEOUT_EXCEEDED)"
        )

    def _insert(self, text: bytes) -> Cost:
        insert = read_insert(text)
        check_types(insert.data, insert.format_name, self._gate.vocabulary.is_zone)
        cost = self._engine.insert_rows(insert.table, insert.columns, insert.data, insert.format_name)
        self._after()
        return cost

    def _remember(self, asked: SqlRequest, command: Command) -> None:
        """Without a session, it holds for its own request only: so it changes nothing, and may be wrong all the same."""
        session = self._sessions.of(asked.given.get("session_id", ""), asked.given.get("session_timeout", ""))
        if isinstance(command, Use):
            session.database = _known(command.database)
        elif not isinstance(command, Kill):
            for name, value in command.changes:
                check_change(name, value, self._options, self._gate.vocabulary.is_zone)
            session.change(command.changes)

    async def _kill(self, asked: SqlRequest, kill: Kill, headers: dict[str, str]) -> Reply:
        """End a question by the name that its client gave it, which nobody else knows, and say so."""
        headers.update(self._format_of(asked, kill.format_name))
        question = self._questions.named(kill.query_id)
        ended = kill.mode == "SYNC"
        if question is not None and kill.mode != "TEST":
            self._questions.kill(question)
            if ended:
                await question.ended.wait()
        says = {
            "status": "finished" if ended else "waiting",
            "id": kill.query_id,
            "query": question.text[:1000] if question else "",
            "found": int(question is not None),
        }
        answer = await self._in(self._services, self._engine.shaped, _KILLED, says, headers["X-ClickHouse-Format"])
        dialect = Dialect(
            asked.given.get("client_protocol_version", "") if headers["X-ClickHouse-Format"] == "Native" else ""
        )
        body = answer.body if dialect.is_plain or not answer.body else dialect.block(answer.body, ())
        packer = Packer(asked.encoding, asked.in_blocks, self._services)
        return answered(answer, await packer.pack(body, last=True), len(body), headers)

    def _format_of(self, asked: SqlRequest, named: str | None) -> dict[str, str]:
        """The headers that tell the format which the statement or its request names, and how it is packed."""
        name, content_type = format_named(named or asked.format_name or "TabSeparated", self._gate.vocabulary)
        packed = {"Content-Encoding": asked.encoding} if asked.encoding else {}
        return {"Content-Type": content_type, "X-ClickHouse-Format": name, **packed}

    async def _question(self, request: Request, asked: SqlRequest, query: str, headers: dict[str, str]) -> Reply:
        session = self._sessions.of(asked.given.get("session_id", ""), asked.given.get("session_timeout", ""))
        database = _known(asked.database or session.database or "default")
        checked = self._gate.kept(query, database) or await self._check(query, database)
        if "client_protocol_version" in asked.given and checked.statement == (await self._check(HANDSHAKE)).statement:
            headers.update(self._format_of(asked, "Native"))
            packer = Packer(asked.encoding, asked.in_blocks, self._services)
            block = handshake_block()
            return answered(Cost(rows=1), await packer.pack(block, last=True), len(block), headers)
        self._gate.bind(checked, asked.parameters, database)
        headers.update(self._format_of(asked, checked.format_name))
        format_name = headers["X-ClickHouse-Format"]
        settings = settings_of(
            [*session.settings.items(), *asked.settings], self._options, self._gate.vocabulary.is_zone
        )
        settings.update(self._gate.settings_of(checked))
        wait = request.headers.get(_WAIT_HEADER)
        if settings.get("session_timezone"):
            headers["X-ClickHouse-Timezone"] = str(settings["session_timezone"])
        dialect = Dialect(asked.given.get("client_protocol_version", "") if format_name == "Native" else "")

        def write(reader: Reader, descriptor: int) -> Cost:
            if dialect.is_plain:
                cost = reader.write(checked.statement, format_name, descriptor, asked.parameters)
            else:
                cost = write_native(reader, checked.statement, descriptor, asked.parameters, dialect)
            told_of(request.scope).rows = cost.rows
            return cost

        work = Work(
            write,
            lambda: external_tables(asked.tables, asked.given, self._gate.vocabulary.is_zone),
            settings,
            database,
            lambda: Packer(asked.encoding, asked.in_blocks, self._services),
            asked.whole,
            is_on(asked.given.get("send_progress_in_http_headers", "")),
        )
        question = self._questions.begin(asked.query_id, query)
        left = asyncio.ensure_future(_until_gone(request))
        left.add_done_callback(lambda done: None if done.cancelled() else self._questions.leave(question))
        streams = False
        try:
            await self._catch_up(settings if wait is None else {WAIT: wait}, question)
            reply = await self._asking.answer(work, question, left, headers)
            streams = isinstance(reply, StreamedAnswer)
            return reply
        finally:
            if not streams:
                left.cancel()
                self._questions.end(question)

    async def _check(self, query: str, database: str = "default") -> Checked:
        return await self._in(self._checks, self._gate.check, query, database)

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)


async def _until_gone(request: Request) -> None:
    with contextlib.suppress(ClientDisconnect):
        while (await request.receive())["type"] != "http.disconnect":
            pass


def _only_with(request: Request, right: str) -> None:
    if not may(request.scope, right):
        raise EngineError(
            f"Code: 497. DB::Exception: Not enough privileges: this token has no right to {right}. (ACCESS_DENIED)"
        )


def _only_if_it_writes(asked: SqlRequest) -> None:
    if not asked.writes:
        raise EngineError(
            "Code: 164. DB::Exception: Cannot execute query in readonly mode: send it by POST. (READONLY)"
        )


def _known(database: str) -> str:
    if database not in _DATABASES:
        raise EngineError(f"Code: 81. DB::Exception: Database {database[:80]} does not exist. (UNKNOWN_DATABASE)")
    return database
