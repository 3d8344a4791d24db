"""The errors for statements that may not run, in the engine's words where it has some."""

from __future__ import annotations

from rvbbit_otel.all_in_one.engine.error import EngineError


def not_served(what: str) -> EngineError:
    """For a statement, or a part of one, that is no question."""
    return denied(
        f"{what[:120].removesuffix('Query')} is not served here: only questions are, and inserts into the landing tables"
    )


def denied(text: str) -> EngineError:
    """Return the error of a real server for a user without the right to do something."""
    return EngineError(f"Code: 497. DB::Exception: {text}. (ACCESS_DENIED)")
