"""Loads the engine, which reads two things once, when it is loaded; no setting changes them afterwards. So this is the one place that imports it.

Its time zone is UTC whatever the machine's is (ADR 72). And memory that it gives back goes back to the machine at once: by itself its allocator keeps
that for five seconds and more, as much again as all questions together may take (ADR 78).
"""

from __future__ import annotations

import os

os.environ["TZ"] = "UTC"
# What the user says about the allocator comes last, and so it holds.
os.environ["JE_MALLOC_CONF"] = ",".join(filter(None, ("dirty_decay_ms:0", os.environ.get("JE_MALLOC_CONF"))))

import chdb

__all__ = ["chdb"]
