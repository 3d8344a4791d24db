"""The runner's own log: one row a call."""

from __future__ import annotations

from collections.abc import Mapping

from small_rvbbit import journal
from small_rvbbit.echo import sessions


def log_message(
    session_id: str,
    role: str,
    content: object = None,
    *,
    node_type: str | None = None,
    cell_name: str | None = None,
    take_index: int | None = None,
    model: str | None = None,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    cost: float | None = None,
    duration_ms: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    """Log one row of a session, with the caller that its Echo knows."""
    echo = sessions.get_session(session_id)
    echo.add_history({"role": role, "content": content})
    journal.write(
        "log",
        session_id=session_id,
        caller_id=echo.caller_id,
        role=role,
        content=content,
        node_type=node_type,
        cell_name=cell_name,
        take_index=take_index,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=cost,
    )
