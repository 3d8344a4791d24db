"""The store's folder before the engine sees it: ours alone to read, and one clear line where it can't be used."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rvbbit_otel.errors import ConfigurationError

# For every file that this process makes, the engine's too: what is in them is somebody's prompts.
_OTHERS = 0o077
# A store needs that much to open and to make its tables, at the least.
_ROOM = 4 * 1024 * 1024


def prepared(data: Path) -> Path:
    """The folder, made if missing and tried out, as an absolute path; from here on, all that this process makes is its user's alone.

    Raises ConfigurationError.
    """
    os.umask(_OTHERS)
    with usable(data):
        data = data.resolve()
        (data / "work").mkdir(parents=True, exist_ok=True)
        probe = data / "work" / "probe"
        try:
            probe.write_bytes(bytes(_ROOM))
        finally:
            probe.unlink(missing_ok=True)
    return data


def close_to_others(data: Path) -> None:
    """A folder that others could look into, as older versions left it, is closed to them, with all that is in it. For whoever owns the store."""
    if not stat.S_IMODE(data.stat().st_mode) & _OTHERS:
        return
    for folder, _, files in os.walk(data):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            # Not ours to change, as a mounted folder may be, or gone by now.
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


@contextlib.contextmanager
def usable(data: Path) -> Iterator[None]:
    """What goes wrong with the folder inside is said in one line: no right, no space, no such place."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"--data {data} can't be used as the store's folder ({error.strerror or error}): make it writable, make room, or name another"
        ) from error
