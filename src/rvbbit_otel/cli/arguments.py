"""Secrets among the arguments of this process, which everybody on the machine can read (`ps`)."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

# The 48th and 49th field of /proc/PID/stat: where the arguments lie in memory. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_BEGIN, _END = 47, 48


def wipe(secret: str) -> bool:
    """Put stars over a secret in what the system shows as this process's arguments; gives whether none of it is seen there from now on.

    Only Linux says where they lie. Until this runs it was to be seen, and whoever started us may show it still.
    """
    hidden = secret.encode()
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The second field is a name in brackets, which may hold anything.
        fields = ["", "", *Path("/proc/self/stat").read_text().rpartition(")")[2].split()]
        begin, end = int(fields[_BEGIN]), int(fields[_END])
        arguments = ctypes.string_at(begin, end - begin) if begin else b""
        at = arguments.find(hidden)
        while at >= 0:
            ctypes.memset(begin + at, ord("*"), len(hidden))
            at = arguments.find(hidden, at + len(hidden))
        return hidden not in Path("/proc/self/cmdline").read_bytes()
    return False
