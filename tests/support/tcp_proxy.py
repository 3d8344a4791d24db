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
        self.connections = 0
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
            self.connections += 1
            try:
                host, port = (self.target or "").rpartition("//")[2].rsplit(":", 1)
                server = socket.create_connection((host, int(port)), 5)
            except (OSError, ValueError):
                client.close()
                continue
            server.settimeout(None)
            self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(self.delay)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self._open.discard(each)
