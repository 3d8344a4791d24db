"""The doors, and what of ours does not run in a host: each with its reason."""

from __future__ import annotations

from typing import Final

DOORS: Final[dict[str, str]] = {}
