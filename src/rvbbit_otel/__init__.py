"""Whoever triggered the work is on every row it left behind."""

from __future__ import annotations

from rvbbit_otel.caller import Caller, CallerId, SessionId
from rvbbit_otel.scope import called_by, current_caller

__version__ = "0.1.0"

__all__ = ["Caller", "CallerId", "SessionId", "__version__", "called_by", "current_caller"]
