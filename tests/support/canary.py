"""Files that nobody may open and an address that nobody may reach, and whether somebody has."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "planted-canary"
# Of Linux's inotify: something below a folder was read from, changed, opened, made, moved there or removed.
_EVENTS = 0x1 | 0x2 | 0x20 | 0x100 | 0x80 | 0x200


@dataclass(frozen=True)
class Canaries:
    """A folder with files to read and room to write, watched by the kernel, and a listener that counts who comes."""

    folder: Path
    secret: Path
    planted: Path
    port: int
    _listener: socket.socket
    _watch: int

    def disturbed(self) -> list[str]:
        """What has happened since the last time: files opened, read, changed or made, the folder listed, connections. Nothing of it should."""
        found = [f"{name or 'the folder'} was touched" for name in self._touched()]
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                found.append("somebody connected")
        return found

    def _touched(self) -> list[str]:
        names, at = [], 0
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._watch, 65_536)
            while at < len(data):
                length = struct.unpack_from("iIII", data, at)[3]
                names.append(data[at + 16 : at + 16 + length].rstrip(b"\0").decode())
                at += 16 + length
        return names


@contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """Made anew in an empty folder. That reading a file is seen is tried before."""
    folder.mkdir(parents=True)
    secret = folder / "secret.csv"
    secret.write_text(f"id,name\n1,{SECRET}\n")
    (folder / "secret.json").write_text(f'{{"name": "{SECRET}"}}\n')
    library = ctypes.CDLL(None, use_errno=True)
    watch = library.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.setblocking(False)
        assert library.inotify_add_watch(watch, os.fsencode(folder), _EVENTS) >= 0
        made = Canaries(folder, secret, folder / "planted.csv", listener.getsockname()[1], listener, watch)
        try:
            secret.read_text()
            assert made.disturbed() == ["secret.csv was touched"] * 2  # Opened, and read.
            yield made
        finally:
            os.close(watch)
