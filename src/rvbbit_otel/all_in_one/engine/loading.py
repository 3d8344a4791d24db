"""Loads the engine. Its time zone is UTC whatever the machine's is: it reads TZ once, when it is loaded, and no setting changes that afterwards.

So this is the one place that imports it (ADR 72).
"""

from __future__ import annotations

import os

os.environ["TZ"] = "UTC"

import chdb

__all__ = ["chdb"]
