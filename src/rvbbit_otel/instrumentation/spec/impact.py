"""Describe what a runner loses without a hook, in words for its user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rvbbit_otel.instrumentation.spec.model import Hook, Role

# What is not there any more where a hook of this role finds nothing to hold on to.
_LOST: Final[Mapping[Role, str]] = {
    Role.CALLER_SET: "callers that are set there are not seen: their work has no caller unless its session names one",
    Role.CALLER_CLEARED: "callers that are cleared there hold on until the next one is set",
    Role.CALLER: "the work of these calls has no caller",
    Role.CALLER_ASKED: "the runner's own tables may name another caller there, and its guess is believed where it comes back",
    Role.CALLER_GUESSED: "the runner may guess a caller there, for its own tables, where nobody is known",
    Role.CALLER_PASSED: "the runner's own tables lack the caller of what starts there",
    Role.SESSION_OPENED: "sessions that start there are unknown until their cascade runs",
    Role.SESSION_STATUS: "status changes of sessions are not stored",
    Role.SESSION_HEARTBEAT: "heartbeats of sessions are not stored",
    Role.SESSION_ENDED: "sessions that end there seem to go on",
    Role.CASCADE: "cascades that run there are not stored, and neither is how their sessions end",
    Role.CELL: "cells are not stored",
    Role.TOOL: "tool calls are not stored",
    Role.LLM: "LLM calls are not stored",
    Role.LOG: "log rows are not stored",
    Role.USAGE: "tokens and cost that are told later are not counted",
    Role.DETACHED: "that loop's work may be credited to whoever started it",
    Role.CONNECTION_OPENED: "connections that are opened there are unknown, and UDFs of theirs may have no caller",
    Role.QUERY: "queries that start there are unknown, and UDFs that they call may have no caller",
    Role.QUERY_PREPARED: "relations that are made there are unknown, and UDFs that run meanwhile may have no caller",
    Role.QUERY_FETCH: "UDFs that run while rows are fetched there belong to whoever fetches",
    Role.QUERY_FETCHED: "queries that end there seem to go on",
    Role.RELATION: "UDFs of relations that run there may have no caller",
    Role.UDF_REGISTRATION: "UDFs that are registered there run without a caller",
    Role.EXECUTOR: "work that is handed on there has no caller",
}
_ACCOUNTS: Final = ", nor are their tokens and cost"
# What fields are for, where their names do not say it.
_FIELD: Final[Mapping[str, str]] = {
    "tokens_in": "tokens",
    "tokens_out": "tokens",
    "tokens_cached": "tokens",
    "tokens_cache_write": "tokens",
    "tokens_reasoning": "tokens",
    "metadata": "metadata",
    "input": "content",
    "content": "content",
}


def lost_with(hook: Hook) -> str:
    """Return what is lost if this hook is missing."""
    return _LOST[hook.role] + (_ACCOUNTS if hook.accounts else "")


def lost_without(fields: Mapping[str, str]) -> str:
    """Return what is lost if only these fields of a hook can't be read."""
    words = dict.fromkeys(_FIELD.get(name, name.replace("_", " ")) for name in sorted(fields))
    return f"{', '.join(words)} of these are not stored"
