"""A server that somebody's work happened to start belongs to nobody: what it does for a client is not its starter's."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import socketserver
import tempfile
import threading
import urllib.request
import wsgiref.simple_server
import xmlrpc.client
import xmlrpc.server
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from tests.contract.programs import Spans, program
from tests.contract.toyrunner import Work, toy

from rvbbit_otel import called_by

MARKERS = ("first?", "second?", "nobody")


def by_turns(ask: Callable[[str], Any], *markers: str) -> None:
    """Clients of a server, which is asked to work for each of these."""
    for marker in markers or MARKERS:
        if marker == "nobody":
            ask(marker)
        else:
            with called_by(marker.removesuffix("?")):
                ask(marker)


@contextlib.contextmanager
def started_by_first(server: socketserver.BaseServer) -> Iterator[Any]:
    with server:
        with called_by("first"):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
        yield server
        server.shutdown()
        thread.join()


def tell(address: Any, marker: str) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(marker.encode() + b"\n")
        assert connection.recv(16) == b"done\n"


def line_handler(work: Callable[[str], Any]) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            work(self.rfile.readline().decode().strip())
            self.wfile.write(b"done\n")

    return Handler


def http_handler(work: Callable[[str], Any]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            work(self.path.strip("/") + ("" if self.path == "/nobody" else "?"))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@program(*MARKERS)
def test_a_server_with_a_thread_for_each_request(span: Spans) -> None:
    with started_by_first(ThreadingHTTPServer(("127.0.0.1", 0), http_handler(span))) as server:
        by_turns(lambda marker: urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{marker.strip('?')}"))


@program(*MARKERS)
def test_a_server_with_one_thread(span: Spans) -> None:
    with started_by_first(HTTPServer(("127.0.0.1", 0), http_handler(span))) as server:
        by_turns(lambda marker: urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{marker.strip('?')}"))


@program(*MARKERS)
def test_a_socket_server(span: Spans) -> None:
    with started_by_first(socketserver.TCPServer(("127.0.0.1", 0), line_handler(span))) as server:
        by_turns(lambda marker: tell(server.server_address, marker))


@program(*MARKERS)
def test_a_socket_server_with_threads(span: Spans) -> None:
    with started_by_first(socketserver.ThreadingTCPServer(("127.0.0.1", 0), line_handler(span))) as server:
        by_turns(lambda marker: tell(server.server_address, marker))


@program(*MARKERS)
def test_a_server_of_datagrams(span: Spans) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, answering = self.request
            span(data.decode())
            answering.sendto(b"done", self.client_address)

    def ask(marker: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
            mine.sendto(marker.encode(), server.server_address)
            mine.recv(16)

    with started_by_first(socketserver.UDPServer(("127.0.0.1", 0), Handler)) as server:
        by_turns(ask)


@program(*MARKERS)
def test_a_server_of_remote_calls(span: Spans) -> None:
    server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True)
    server.register_function(span, "work")
    with started_by_first(server), xmlrpc.client.ServerProxy(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
        by_turns(lambda marker: proxy.work(marker))


@program(*MARKERS)
def test_a_wsgi_server(span: Spans) -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        span(environ["QUERY_STRING"].replace("-maybe", "?"))
        start("200 OK", [])
        return [b"done"]

    class Silent(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    made = wsgiref.simple_server.make_server("127.0.0.1", 0, application, handler_class=Silent)
    with started_by_first(made) as server:
        url = f"http://127.0.0.1:{server.server_port}/?"
        by_turns(lambda marker: urllib.request.urlopen(url + marker.replace("?", "-maybe")).read())


@program(*MARKERS)
def test_a_loop_that_accepts(span: Spans) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in MARKERS:
            connection, _ = listening.accept()
            with connection:
                span(connection.recv(64).decode().strip())
                connection.sendall(b"done\n")

    with listening:
        with called_by("first"):
            thread = threading.Thread(target=serve)
            thread.start()
        by_turns(lambda marker: tell(listening.getsockname(), marker))
        thread.join()


@program(*MARKERS)
def test_a_loop_that_accepts_and_starts_a_thread_for_each(span: Spans) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            span(connection.recv(64).decode().strip())
            connection.sendall(b"done\n")

    def serve() -> None:
        for _ in MARKERS:
            handler = threading.Thread(target=answer, args=(listening.accept()[0],))
            handler.start()
            handler.join()

    with listening:
        with called_by("first"):
            thread = threading.Thread(target=serve)
            thread.start()
        by_turns(lambda marker: tell(listening.getsockname(), marker))
        thread.join()


@program(*MARKERS)
def test_a_loop_that_selects(span: Spans) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        left = len(MARKERS)
        with selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            while left:
                for key, _ in selector.select():
                    if key.fileobj is listening:
                        selector.register(listening.accept()[0], selectors.EVENT_READ)
                        continue
                    connection: Any = key.fileobj
                    span(connection.recv(64).decode().strip())
                    connection.sendall(b"done\n")
                    selector.unregister(connection)
                    connection.close()
                    left -= 1

    with listening:
        with called_by("first"):
            thread = threading.Thread(target=serve)
            thread.start()
        by_turns(lambda marker: tell(listening.getsockname(), marker))
        thread.join()


@program(*MARKERS)
def test_a_listener_of_multiprocessing(span: Spans) -> None:
    with Listener(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in MARKERS:
                with listener.accept() as connection:
                    span(connection.recv())
                    connection.send("done")

        def ask(marker: str) -> None:
            with Client(listener.address) as connection:
                connection.send(marker)
                connection.recv()

        with called_by("first"):
            thread = threading.Thread(target=serve)
            thread.start()
        by_turns(ask)
        thread.join()


async def ask_on(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], marker: str) -> None:
    reader, writer = streams
    writer.write(marker.encode() + b"\n")
    assert await reader.readline() == b"done\n"
    writer.close()


def answering(span: Callable[[str], Any]) -> Any:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        span((await reader.readline()).decode().strip())
        writer.write(b"done\n")
        writer.close()

    return answer


@program(*MARKERS, "first")
def test_a_server_of_asyncio(span: Spans) -> None:
    async def main() -> None:
        with called_by("first"):
            server = await asyncio.start_server(answering(span), "127.0.0.1", 0)
            span("first")
        port = server.sockets[0].getsockname()[1]
        for marker in MARKERS:
            with called_by(marker.strip("?")) if marker != "nobody" else contextlib.nullcontext():
                await ask_on(await asyncio.open_connection("127.0.0.1", port), marker)
        server.close()

    asyncio.run(main())


@program("second?", "first")
def test_a_server_of_asyncio_while_its_starter_is_at_work(span: Spans) -> None:
    async def main() -> None:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def second() -> None:
            port = await started
            with called_by("second"):
                await ask_on(await asyncio.open_connection("127.0.0.1", port), "second?")

        client = asyncio.create_task(second())
        with called_by("first"):
            server = await asyncio.start_server(answering(span), "127.0.0.1", 0)
            started.set_result(server.sockets[0].getsockname()[1])
            await client
            span("first")
        server.close()

    asyncio.run(main())


@program(*MARKERS)
def test_a_unix_server_of_asyncio(span: Spans) -> None:
    async def main(path: str) -> None:
        with called_by("first"):
            server = await asyncio.start_unix_server(answering(span), path)
        for marker in MARKERS:
            with called_by(marker.strip("?")) if marker != "nobody" else contextlib.nullcontext():
                await ask_on(await asyncio.open_unix_connection(path), marker)
        server.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(str(Path(folder) / "s")))


@program(*MARKERS)
def test_a_protocol_of_asyncio(span: Spans) -> None:
    class Lines(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            span(data.decode().strip())
            self.transport.write(b"done\n")
            self.transport.close()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with called_by("first"):
            server = await loop.create_server(Lines, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for marker in MARKERS:
            with called_by(marker.strip("?")) if marker != "nobody" else contextlib.nullcontext():
                await ask_on(await asyncio.open_connection("127.0.0.1", port), marker)
        server.close()

    asyncio.run(main())


@program(*MARKERS)
def test_an_endpoint_of_datagrams_of_asyncio(span: Spans) -> None:
    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            span(data.decode())
            self.transport.sendto(b"done", address)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with called_by("first"):
            transport, _ = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
        address = transport.get_extra_info("sockname")
        for marker in MARKERS:
            with called_by(marker.strip("?")) if marker != "nobody" else contextlib.nullcontext():
                mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                mine.setblocking(False)
                await loop.sock_connect(mine, address)
                await loop.sock_sendall(mine, marker.encode())
                assert await loop.sock_recv(mine, 16) == b"done"
                mine.close()
        transport.close()

    asyncio.run(main())


@program(*MARKERS)
def test_a_reader_that_the_loop_watches(span: Spans) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        mine, other = socket.socketpair()
        read = asyncio.Event()

        def ready() -> None:
            span(mine.recv(64).decode())
            read.set()

        with called_by("first"):
            loop.add_reader(mine, ready)
        for marker in MARKERS:
            read.clear()
            with called_by(marker.strip("?")) if marker != "nobody" else contextlib.nullcontext():
                other.sendall(marker.encode())
            await read.wait()
        loop.remove_reader(mine)
        mine.close()
        other.close()

    asyncio.run(main())


@program("first", "second", "nobody")
def test_a_server_whose_handler_says_whose_a_request_is(span: Spans) -> None:
    def work(marker: str) -> None:
        user = marker.strip("?")
        if user == "nobody":
            span(user)
        elif user == "first":
            toy.handle(user, lambda: span(user))
        else:
            with called_by(user):
                span(user)

    with started_by_first(socketserver.ThreadingTCPServer(("127.0.0.1", 0), line_handler(work))) as server:
        by_turns(lambda marker: tell(server.server_address, marker))


@program("second", "second", "nobody")
def test_a_kept_connection_that_serves_one_user_after_the_other_keeps_none(span: Spans) -> None:
    """One handler on one thread, and a block for each request."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                marker = line.decode().strip()
                if marker == "nobody":
                    span(marker)
                else:
                    with called_by(marker):
                        span(marker)
                self.wfile.write(b"done\n")

    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with started_by_first(made) as server, socket.create_connection(server.server_address) as connection:
        for marker in ("second", "nobody", "second"):
            connection.sendall(marker.encode() + b"\n")
            connection.recv(16)


@program(*MARKERS)
def test_a_server_that_a_session_starts_lazily(span: Spans) -> None:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), line_handler(span))
    threads: list[threading.Thread] = []

    def ask(marker: str) -> None:
        if not threads:
            threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}))
            threads[0].start()
        tell(server.server_address, marker)

    with server:
        with called_by("first"):
            Work("lazy-server", owner="first").run(ask, "first?")
        by_turns(ask, "second?", "nobody")
        server.shutdown()
        threads[0].join()
