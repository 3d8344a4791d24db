"""The names of what we write on spans and log records. SQL files use the same strings.

Names of OpenTelemetry's semantic conventions are used where they exist (`session.id`, `gen_ai.*`, `db.query.text`); the rest has the
prefix ``rvbbit.``.
"""

from __future__ import annotations

from typing import Final, Literal

from opentelemetry.semconv.attributes import db_attributes, error_attributes

# Of those that are not stable yet, the package keeps the names in a place of its own; here they are ours, as they are in the SQL files.
SESSION_ID: Final = "session.id"

CALLER_ID: Final = "rvbbit.caller.id"
CALLER_SOURCE: Final = "rvbbit.caller.source"
CALLER_ORIGIN: Final = "rvbbit.caller.origin"
CALLER_DIGEST: Final = "rvbbit.caller.digest"
CALLER_METADATA: Final = "rvbbit.caller.metadata"
CALLER_CONFLICT: Final = "rvbbit.caller.conflict"
# Whom a row that is nobody's would be credited to if what was inherited were knowledge.
CALLER_CANDIDATE: Final = "rvbbit.caller.candidate"

# On the resource of all that one `rvbbit-otel run` with a summary started.
RUN_ID: Final = "rvbbit.run.id"

KIND: Final = "rvbbit.kind"
SESSION_PARENT_ID: Final = "rvbbit.session.parent_id"
SESSION_EVENT: Final = "rvbbit.session.event"
SESSION_STATUS: Final = "rvbbit.session.status"
CASCADE_ID: Final = "rvbbit.cascade.id"
CASCADE_FILE: Final = "rvbbit.cascade.file"
CASCADE_INPUT: Final = "rvbbit.cascade.input"
CASCADE_DEPTH: Final = "rvbbit.cascade.depth"
CELL_NAME: Final = "rvbbit.cell.name"
TAKE_INDEX: Final = "rvbbit.take.index"
LOG_ROLE: Final = "rvbbit.log.role"
LOG_NODE_TYPE: Final = "rvbbit.log.node_type"
LOG_CONTENT: Final = "rvbbit.log.content"
LOG_METADATA: Final = "rvbbit.log.metadata"
DURATION_MS: Final = "rvbbit.duration_ms"
USAGE_COST: Final = "rvbbit.usage.cost"
USAGE_COUNTED: Final = "rvbbit.usage.counted"
USAGE_COST_AWAITED: Final = "rvbbit.usage.cost_awaited"
# Tokens that another row of ours accounts for, under names that no other tool adds up: these and the last word of the usual one.
USAGE_TOLD: Final = "rvbbit.usage.told."

DB_QUERY_TEXT: Final = db_attributes.DB_QUERY_TEXT
ERROR_TYPE: Final = error_attributes.ERROR_TYPE
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
GEN_AI_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"

# What users and models wrote: an SDK's limit may cut it.
CONTENT_KEYS: Final = frozenset({LOG_CONTENT, LOG_METADATA, CASCADE_INPUT, DB_QUERY_TEXT})

# How a stamp was found, best first. `inherited` is weak: it was never handed over in a way that we see the end of, and what it came from has ended.
# `repair` is written at export and in the store only.
Source = Literal["explicit", "echo", "baggage", "inherited", "repair", "none"]
SOURCES: Final[tuple[Source, ...]] = ("explicit", "echo", "baggage", "inherited", "repair", "none")

Kind = Literal["caller", "session", "cascade", "cell", "llm", "tool", "log"]
SessionEvent = Literal["start", "status", "heartbeat", "end"]
