"""When the journal is synced to the disk: the policies of `--journal-sync`."""

from __future__ import annotations

import ctypes
import enum
import os
from pathlib import Path


class Sync(enum.Enum):
    """When a request that is answered is safe from a loss of power; from the end of this process it always is."""

    EACH = "each"
    """Before its answer; those that come meanwhile share the next one."""
    GROUP = "group"
    """Before its answer, but a few milliseconds are waited for others, which share it: for disks on which it is dear."""
    NONE = "none"
    """When the system likes, after half a minute or so."""


def sync_file(descriptor: int) -> None:
    """Wait until a file's data is on the disk."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there, and wait until its name is on the disk: what is synced in it would be lost without."""
    if not folder.is_dir():
        folder.mkdir()
        sync_folder(folder.parent)


def sync_file_system(folder: Path) -> None:
    """Wait until all that was written to the file system of a folder is on the disk, the engine's parts too."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        os.sync()  # Of all file systems: only Linux can do it for one.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
