"""Why a request's body is not taken."""

from __future__ import annotations

from rvbbit_otel.errors import RvbbitOtelError


class BodyTooLargeError(RvbbitOtelError):
    """A body, or a part of one, that is larger, once unpacked, than may be."""


class UnknownEncodingError(RvbbitOtelError):
    """A Content-Encoding that is not served."""


class CorruptBodyError(RvbbitOtelError):
    """A body that can't be unpacked."""
