"""A TCP proxy on loopback: one address for a server that moves, that is away, or that is slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any


class TcpProxy:
    """Forwards to `target` ("host:port" or a URL), or refuses everyone while that is None; waits `delay` seconds before each 64 KiB it passes on."""

    def __init__(self, target: str | None = None, delay: float = 0.0) -> None:
        self.target = target
        self.delay = delay
        # Answers to large requests, of 64 KiB or more, that are not passed on: the connection breaks instead.
        self.answers_to_lose = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: Any) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection that is open."""
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                host, port = (self.target or "").rpartition("//")[2].rsplit(":", 1)
                server = socket.create_connection((host, int(port)), 5)
            except (OSError, ValueError):
                client.close()
                continue
            server.settimeout(None)
            self._open |= {client, server}
            sent = _Sent()
            threading.Thread(target=self._pass, args=(client, server, sent, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, sent, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, sent: _Sent, is_request: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(self.delay)
                if is_request:
                    sent.size += len(data)
                elif sent.size >= 65_536 and self.answers_to_lose:
                    self.answers_to_lose -= 1
                    break
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self._open.discard(each)


class _Sent:
    """How many bytes a client has sent on its connection."""

    size = 0
