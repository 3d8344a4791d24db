"""Targets of OTLP that do wrong: each takes connections on a port of its own until the block ends."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# Of each answer that floods.
FLOOD_BYTES: Final = 256 * 1024 * 1024
_PIECE: Final = b"x" * 65536
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"


def _hang(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.05):
        with contextlib.suppress(BlockingIOError):
            if not connection.recv(65536):
                return


def _reset(connection: socket.socket, over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _rubbish(connection: socket.socket, over: threading.Event) -> None:
    connection.setblocking(True)
    connection.recv(65536)
    connection.sendall(b"\x00\xff rubbish \r\n\r\n" * 100)


def _flood(connection: socket.socket, over: threading.Event, head: bytes = b"") -> None:
    connection.settimeout(0.5)
    connection.recv(65536)
    connection.sendall(head or _HEAD + b"Content-Length: %d\r\n\r\n" % FLOOD_BYTES)
    sent = 0
    while sent < FLOOD_BYTES and not over.is_set():
        sent += connection.send(_PIECE)


def _flood_error(connection: socket.socket, over: threading.Event) -> None:
    _flood(connection, over, b"HTTP/1.1 503 Later\r\nContent-Length: %d\r\n\r\n" % FLOOD_BYTES)


def _flood_without_length(connection: socket.socket, over: threading.Event) -> None:
    _flood(connection, over, b"HTTP/1.1 200 OK\r\n\r\n")


def _drip(connection: socket.socket, over: threading.Event, text: bytes) -> None:
    connection.settimeout(0.5)
    connection.recv(65536)
    for byte in text:
        if over.wait(0.2):
            return
        connection.sendall(bytes([byte]))


def _drip_body(connection: socket.socket, over: threading.Event) -> None:
    connection.settimeout(0.5)
    connection.recv(65536)
    connection.sendall(_HEAD + b"Content-Length: 100000\r\n\r\n")
    _drip(connection, over, b"x" * 100_000)


def _drip_head(connection: socket.socket, over: threading.Event) -> None:
    _drip(connection, over, _HEAD + b"X: " + b"y" * 100_000)


def _later(connection: socket.socket, over: threading.Event) -> None:
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while connection.recv(65536):
            pass
    connection.sendall(b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")


_WAYS: Final[dict[str, Callable[[socket.socket, threading.Event], None]]] = {
    "hangs": _hang,
    "resets": _reset,
    "answers rubbish": _rubbish,
    "floods": _flood,
    "floods an error": _flood_error,
    "floods without a length": _flood_without_length,
    "drips its body": _drip_body,
    "drips its head": _drip_head,
    "asks to come again": _later,
}
BAD: Final = ("is down", "takes no connection", *_WAYS)


@contextmanager
def bad_target(way: str) -> Iterator[int]:
    """The port of a target that does this."""
    over = threading.Event()
    with contextlib.ExitStack() as opened:
        # With a backlog of none, and nobody who accepts, further connections are left to wait.
        door = opened.enter_context(
            socket.create_server(("127.0.0.1", 0), backlog=0 if way == "takes no connection" else 100)
        )
        port = int(door.getsockname()[1])
        if way == "is down":
            door.close()
        elif way == "takes no connection":
            for _ in range(2):
                waiting = opened.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
        else:
            opened.callback(_serve(door, over, _WAYS[way]))
        try:
            yield port
        finally:
            over.set()


def _serve(
    door: socket.socket, over: threading.Event, act: Callable[[socket.socket, threading.Event], None]
) -> Callable[[], None]:
    door.settimeout(0.05)
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            act(connection, over)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = door.accept()
                connection.setblocking(False)
                threads.append(threading.Thread(target=handle, args=(connection,), daemon=True))
                threads[-1].start()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()

    def end() -> None:
        until = time.monotonic() + 10
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    return end
