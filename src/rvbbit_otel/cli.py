"""Placeholder until the commands exist."""

from __future__ import annotations


def main() -> None:
    """Say that there is nothing yet."""
    raise SystemExit("rvbbit-otel: no command yet")
