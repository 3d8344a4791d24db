"""One process owns a store: a lock on a file in its folder, which the system releases however the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rvbbit_otel.errors import StoreLockedError


class FolderLock:
    """Held from its making until `release`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raise StoreLockedError, with the owner's pid, if another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "rvbbit-otel.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise StoreLockedError(
                f"the store in {folder} is in use by process {owner}: ask that process by its ports, stop it, or name another folder with --data"
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let another process have the folder."""
        self._file.close()
