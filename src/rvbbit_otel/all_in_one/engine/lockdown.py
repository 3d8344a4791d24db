"""Closes the files of the machine to this process, but for the store's folder and what Python itself reads; Linux's Landlock does it.

The last of three layers behind SQL from outside: where the gate and `readonly` let something through, the scalar ``file()`` and INTO OUTFILE find
nothing outside the store's folder, and ``url()`` reaches nobody. https://docs.kernel.org/userspace-api/landlock.html

A thread that runs already stays as free as it was. chDB starts threads when it is imported, so this comes before that.
"""

from __future__ import annotations

import ctypes
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# Numbers of Linux's system calls, the same on every architecture that Python 3.10 runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_NO_NEW_PRIVS = 38
_VERSION_FLAG = 1
_PATH_BENEATH = 1
# Rights: bits of include/uapi/linux/landlock.h.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CONNECT_TCP = 1 << 1
# How many file rights each version of the interface knows; a version that is newer than the last knows those of the last.
_FILE_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_FIRST_VERSION_WITH_NETWORK = 4

# What the C library, the engine's memory watch and its time zones read. Single files of /proc/self: the folder holds the environment.
_SYSTEM_FILES = (
    "/dev/null",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/self/auxv",
    "/proc/self/cgroup",
    "/proc/self/maps",
    "/proc/self/stat",
    "/proc/self/statm",
    "/proc/self/status",
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
)


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def lock_down(store: Path) -> str:
    """Close all files but those below `store` and what Python and the engine read, for this thread and all that it starts, for good.

    Says what was done, in words for the start's log; where the kernel has no Landlock, nothing is closed, and it says that.
    """
    if "chdb" in sys.modules:
        return "files outside the store stay open to the engine: it was loaded before they could be closed"
    if not sys.platform.startswith("linux"):
        return "files outside the store stay open to the engine: only Linux can close them (Landlock)"
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return "files outside the store stay open to the engine: this kernel has no Landlock, or it is switched off"
    try:
        _restrict(library, version, store)
    except OSError as error:
        return f"files outside the store stay open to the engine: Landlock refused ({error.strerror})"
    reach = ", and it can't connect to anybody" if version >= _FIRST_VERSION_WITH_NETWORK else ""
    return f"files outside {store} are closed to the engine{reach} (Landlock {version})"


def _restrict(library: ctypes.CDLL, version: int, store: Path) -> None:
    all_rights = (1 << _FILE_RIGHTS_BY_VERSION.get(version, 16)) - 1
    with_network = version >= _FIRST_VERSION_WITH_NETWORK
    attributes = _Ruleset(all_rights, _CONNECT_TCP if with_network else 0)
    ruleset = _called(
        library,
        _CREATE_RULESET,
        ctypes.byref(attributes),
        ctypes.c_size_t(16 if with_network else 8),
        ctypes.c_uint32(0),
    )
    try:
        _allow(library, ruleset, [store], all_rights)
        _allow(library, ruleset, _readable(), _READ_FILE | _READ_DIR | _EXECUTE)
        _allow(library, ruleset, [Path("/dev/null")], _READ_FILE | _WRITE_FILE)
        if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        _called(library, _RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _readable() -> Iterable[Path]:
    """Yield the folders that stay readable: Python's modules and the system's files, never a user's folder that
    happens to be on the path.
    """
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield Path(sys.base_prefix) / "lib"
    yield from (Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))
    yield Path(sys.executable).resolve()
    yield Path(__file__).resolve().parents[2]
    yield from map(Path, _SYSTEM_FILES)


def _allow(library: ctypes.CDLL, ruleset: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # What is not there needs no rule.
        try:
            rule = _PathBeneath(rights if path.is_dir() else rights & _FILE_RIGHTS, folder)
            _called(
                library,
                _ADD_RULE,
                ctypes.c_int(ruleset),
                ctypes.c_int(_PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
        finally:
            os.close(folder)


def _called(library: ctypes.CDLL, number: int, *arguments: object) -> int:
    result = int(library.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
