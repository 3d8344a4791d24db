"""OTLP over gRPC: the trace and logs services, as raw bytes.

On an event loop of its own: a message that never ends holds a place there, and no thread that a good client waits for.
"""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rvbbit_otel.all_in_one.endpoints.otlp import OtlpDoor
from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError, Budget
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError
from rvbbit_otel.all_in_one.tokens import WRITE, Token, Tokens
from rvbbit_otel.errors import ConfigurationError, RvbbitOtelError, StoreUnavailableError

_SERVICES = {
    "traces": ("opentelemetry.proto.collector.trace.v1.TraceService", ExportTraceServiceResponse),
    "logs": ("opentelemetry.proto.collector.logs.v1.LogsService", ExportLogsServiceResponse),
}
_CODES: Final = {
    UnreadableBodyError: grpc.StatusCode.INVALID_ARGUMENT,
    BodyTooLargeError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
}
# Messages that are on their way at once: each may be held in memory up to the limit of a body before anything of it is seen.
_RECEIVING = 64
# Seconds that a message may take to come; those after which it makes room if there are more, and if there are many more.
_MESSAGE_SECONDS = 60.0
_PATIENCE_SECONDS = 1.0
_LEAST_PATIENCE_SECONDS = 0.1
# Seconds to the end of HTTP/2's first frames; a connection on which nothing is asked; one in all, after which a client connects anew.
_HANDSHAKE_SECONDS, _IDLE_SECONDS, _AGE_SECONDS, _AGE_GRACE_SECONDS = 10, 30, 1800, 60
# Files that the engine and the other listeners need.
_OTHER_FILES = 512

Export = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[bytes]]


class GrpcServer:
    """A server on a thread of its own."""

    def __init__(self, door: OtlpDoor, address: str, tokens: Tokens | None, max_body: int, budget: Budget) -> None:
        """Start it; raises RuntimeError where the address can't be listened on. `budget` is for its thread alone."""
        self._stopped = threading.Event()
        self._grace: Future[float] = Future()
        bound: Future[int] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(door, address, tokens, max_body, budget, bound)),
            name="otlp-grpc",
            daemon=True,
        )
        thread.start()
        self.port = bound.result()

    def stop(self, grace: float) -> threading.Event:
        """Take no more calls, and end those that run after `grace` seconds. At once; the event is set when all have ended."""
        if not self._grace.done():
            self._grace.set_result(grace)
        return self._stopped

    async def _serve(
        self, door: OtlpDoor, address: str, tokens: Tokens | None, max_body: int, budget: Budget, bound: Future[int]
    ) -> None:
        server = grpc.aio.server(options=_options(max_body))
        places = Places(_RECEIVING)
        for signal, (name, answer) in _SERVICES.items():
            export = grpc.stream_unary_rpc_method_handler(_export(door, signal, answer, tokens, places, budget))
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
        try:
            port = server.add_insecure_port(address)
            await server.start()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            bound.set_exception(error)
            return
        bound.set_result(port)
        await server.stop(await asyncio.wrap_future(self._grace))
        self._stopped.set()


def serve_grpc(
    door: OtlpDoor, host: str, port: int, tokens: Tokens | None, max_body: int, budget: Budget
) -> tuple[GrpcServer, int]:
    """A started server and its port; raises ConfigurationError if the port is taken."""
    try:
        server = GrpcServer(door, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", tokens, max_body, budget)
    except RuntimeError as error:
        raise ConfigurationError(
            f"--otlp-grpc-port {port} on {host} can't be listened on: is it taken? 0 picks a free one"
        ) from error
    return server, server.port


class Places:
    """Places for messages on their way. Where all are taken, the one that has been on its way longest makes room. For one event loop."""

    def __init__(self, most: int) -> None:
        """`most` at once."""
        self._most = most
        # By when they were taken, oldest first; each future is done when its place is needed for another.
        self._taken: dict[asyncio.Future[None], float] = {}
        self._waiting: list[asyncio.Future[asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def take(self, seconds: float) -> AsyncIterator[asyncio.Future[None]]:
        """A place, as soon as there is one; raises StoreUnavailableError after `seconds`. The future is done when it is needed for another."""
        mine = self._new() if len(self._taken) < self._most else await self._turn(seconds)
        try:
            yield mine
        finally:
            if self._taken.pop(mine, None) is not None:
                self._next()

    async def _turn(self, seconds: float) -> asyncio.Future[None]:
        turn: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._make_room()
        try:
            await asyncio.wait({turn}, timeout=seconds)
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        if not turn.done():
            self._leave(turn)
            raise StoreUnavailableError("too many messages are on their way: send it again later")
        return turn.result()

    def _leave(self, turn: asyncio.Future[asyncio.Future[None]]) -> None:
        if not turn.done():
            self._waiting.remove(turn)
        elif self._taken.pop(turn.result(), None) is not None:
            self._next()  # The place came as its client left.

    def _new(self) -> asyncio.Future[None]:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken[place] = time.monotonic()
        return place

    def _next(self) -> None:
        """Give a free place to who came last: of those who wait, the likeliest to be a good client that is still there."""
        if self._waiting and len(self._taken) < self._most:
            self._waiting.pop().set_result(self._new())

    def _make_room(self) -> None:
        """Take places from those who have had them long enough, now and later, as long as somebody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._taken:
            oldest, since = next(iter(self._taken.items()))
            rounds = 1 + len(self._waiting) / self._most
            left = since + max(_PATIENCE_SECONDS / rounds, _LEAST_PATIENCE_SECONDS) - time.monotonic()
            if left > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self._make_room)
                return
            del self._taken[oldest]
            oldest.set_result(None)
            self._next()


def _export(
    door: OtlpDoor, signal: str, answer: type[Message], tokens: Tokens | None, places: Places, budget: Budget
) -> Export:
    async def export(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        known = _token_of(context, tokens) if tokens is not None else None
        if tokens is not None and known is None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed")
        if known is not None and WRITE not in known.rights:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this token may not write here")
        body = b""
        try:
            body = await _message(context, places)
            with budget.share() as share:
                share.take(len(body))
                return bytes((await door.store(signal, body, answer())).SerializeToString())
        except RvbbitOtelError as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
            said = str(error)[:2000]
        # Not inside the handler above: gRPC keeps what `abort` raises in a cycle, and with it would be the error, its frames and the body in them.
        del body
        await context.abort(code, said)
        raise AssertionError("abort raises")

    return export


async def _message(context: grpc.aio.ServicerContext[Any, Any], places: Places) -> bytes:
    """The one message of a call."""
    async with places.take(_MESSAGE_SECONDS) as needed:
        reading = asyncio.ensure_future(context.read())
        # Where it is given up, it fails with the call, and nobody asks it.
        reading.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({reading, needed}, timeout=_MESSAGE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            raise StoreUnavailableError("the message took too long to come: send it again later")
        body = reading.result()
    if not isinstance(body, bytes):
        raise UnreadableBodyError("the call has no message")
    return body


def _options(max_body: int) -> list[tuple[str, int]]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return [
        ("grpc.max_receive_message_length", max_body),  # Of the unpacked message: gRPC stops unpacking there.
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", 256),
        ("grpc.max_allowed_incoming_connections", max((files - _OTHER_FILES) // 2, 64)),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_SECONDS * 1000),
        ("grpc.max_connection_idle_ms", _IDLE_SECONDS * 1000),
        ("grpc.max_connection_age_ms", _AGE_SECONDS * 1000),
        ("grpc.max_connection_age_grace_ms", _AGE_GRACE_SECONDS * 1000),
    ]


def _token_of(context: grpc.aio.ServicerContext[Any, Any], tokens: Tokens) -> Token | None:
    offered = dict(context.invocation_metadata() or ()).get("authorization", "")
    text = offered.decode("latin-1") if isinstance(offered, bytes) else offered
    return tokens.of([text.removeprefix("Bearer ")]) if text.startswith("Bearer ") else None
