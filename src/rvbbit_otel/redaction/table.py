"""The table of redaction, as data: which attributes leave the process, and how.

A key is looked up in lower case. ``*`` stands for any run of characters. A pattern without one goes before all with one, then the longest says what
is done; a key that none fits is read by its last words (`CONTENT_WORDS`, `SECRET_WORDS`), and else by what its value looks like
(`text.without_secrets`). Numbers and booleans of a namespace pass, being tokens, costs, times and sizes; so do the names listed as kept, being
identifiers.

Names of OpenTelemetry are those of semantic conventions 1.39 and before (opentelemetry-semantic-conventions 0.66b0, `_incubating` included), the
others those of the source named beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

# keep: as it is. word: as it is where it is a plain word, else like content. content: what users and models wrote, or a database was asked; a marker,
# unless content is on. value: the same, numbers too. url: without login, query and fragment. stack: frames without source lines and messages.
# secret: a marker, content on or off.
Action = Literal["keep", "word", "content", "value", "url", "stack", "secret"]

# What is no attribute has a name here too, so that it can be kept or redacted by name like any other.
LOG_BODY: Final = "log.body"
STATUS_DESCRIPTION: Final = "span.status.description"

_OURS: Final[Mapping[Action, tuple[str, ...]]] = {
    "keep": (
        "session.id",
        "session.previous_id",
        "rvbbit.kind",
        "rvbbit.caller.*",
        "rvbbit.run.id",
        "rvbbit.session.*",
        "rvbbit.cascade.*",
        "rvbbit.cell.name",
        "rvbbit.take.index",
        "rvbbit.log.role",
        "rvbbit.log.node_type",
        "rvbbit.duration_ms",
        "rvbbit.usage.*",
    ),
    "word": (
        "rvbbit.caller.origin",
        "rvbbit.caller.metadata.origin",
        "rvbbit.caller.metadata.protocol",
        "rvbbit.caller.metadata.sql.protocol",
        "rvbbit.caller.metadata.triggered_by",
        "rvbbit.caller.metadata.method",
        # What stands in the place of metadata that are too long.
        "rvbbit.caller.metadata.size",
    ),
    "content": (
        "rvbbit.log.content",
        "rvbbit.log.metadata",
        "rvbbit.cascade.input",
        LOG_BODY,
        STATUS_DESCRIPTION,
    ),
    # Its members are looked up by their path, and have any names.
    "value": ("rvbbit.caller.metadata.*",),
}

# OpenTelemetry's own, outside of GenAI.
_GENERAL: Final[Mapping[Action, tuple[str, ...]]] = {
    "keep": (
        "error.type",
        "exception.type",
        "exception.escaped",
        "event.name",
        "telemetry.*",
        "service.name",
        "server.*",
        "http.request.method",
        "http.method",
        "http.route",
        "http.host",
        "http.scheme",
        "http.flavor",
        "http.request.header.accept*",
        "http.request.header.content*type",
        "http.request.header.content*length",
        "http.request.header.traceparent",
        "http.response.header.content*type",
        "http.response.header.content*length",
        "url.scheme",
        "url.domain",
        "url.template",
        "rpc.method",
        "rpc.service",
        "rpc.system*",
        "graphql.operation.*",
        "db.system*",
        "db.name",
        "db.namespace",
        "db.collection.name",
        "db.stored_procedure.name",
        "db.operation",
        "db.operation.name",
        "db.operation.batch.size",
        "db.query.summary",
        "db.response.status_code",
        "db.sql.table",
        "db.user",
        "db.instance.id",
        "db.client.*",
        "db.cassandra.*",
        "db.cosmosdb.*",
        "db.mongodb.collection",
        "db.mssql.instance_name",
        "db.elasticsearch.cluster.name",
        "db.elasticsearch.node.name",
        "db.jdbc.driver_classname",
        "process.executable.*",
        "process.runtime.*",
        "process.pid",
    ),
    "url": ("url.full", "url.original", "http.url", "http.target", "http.request.header.referer"),
    "stack": ("exception.stacktrace", "code.stacktrace"),
    "content": (
        "exception.*",
        "error.message",
        "otel.status_description",
        "log.record.original",
        "url.query",
        "url.fragment",
        # Redis, MongoDB and search engines have no literals to tell from the rest, and what instrumentations of SQL write is as it was sent:
        # opentelemetry-python-contrib, instrumentation-dbapi ("db.statement.parameters"), -elasticsearch ("elasticsearch.*").
        "db.*",
        "elasticsearch.params",
        "elasticsearch.id",
        "elasticsearch.url",
        "graphql.document",
        "http.request.body*",
        "http.response.body*",
        "rpc.jsonrpc.error_message",
        "messaging.message.body",
        "messaging.message.payload",
        "messaging.kafka.message.key",
        "messaging.rocketmq.message.keys",
        "messaging.gcp_pubsub.message.ordering_key",
        # Who a request is from; the ids of users pass.
        "user.email",
        "user.full_name",
        "user.name",
        "enduser.email",
        "client.address",
        "source.address",
        "http.client_ip",
    ),
    "value": ("db.query.parameter.*", "db.operation.parameter.*", "db.statement.parameters", "graphql.variables*"),
    "secret": (
        "http.request.header.*",
        "http.response.header.*",
        "messaging.header.*",
        "rpc.*metadata*",
        "db.connection_string",
        # A command line holds passwords, and tells secrets from words by nothing.
        "process.command_args",
        "process.command_line",
        "process.command",
        "process.title",
        "process.environment_variable*",
    ),
}

# Models. Everything in these namespaces that is text is content, but for what names a thing.
_MODELS: Final[Mapping[Action, tuple[str, ...]]] = {
    "content": (
        # OpenTelemetry, and OpenLIT's additions to it (openlit/semcov/__init__.py); OpenLLMetry up to 0.60 has gen_ai.prompt.0.content and the like.
        "gen_ai.*",
        # OpenInference (Arize-ai/openinference, openinference/semconv/trace/__init__.py).
        "llm.*",
        "input.*",
        "output.*",
        "embedding.*",
        "retrieval.*",
        "reranker.*",
        "tool.*",
        "message.*",
        "message_content.*",
        "document.*",
        "prompt.*",
        "image.*",
        "audio.*",
        "metadata",
        "metadata.*",
        "annotation*",
        "evaluation*",
        # OpenLLMetry (traceloop/openllmetry, opentelemetry/semconv_ai/__init__.py); its vector stores.
        "traceloop.*",
        "pinecone.*",
        "qdrant.*",
        "mcp.*",
        # Langfuse (langfuse/langfuse-python, langfuse/_client/attributes.py).
        "langfuse.*",
        # LangSmith (langchain-ai/langsmith-sdk, langsmith/_internal/otel/_otel_exporter.py).
        "langsmith.*",
        # Vercel AI SDK (vercel/ai, content/docs/03-ai-sdk-core/60-telemetry.mdx).
        "ai.*",
        # Logfire and Pydantic AI (pydantic/logfire, logfire/_internal/constants.py, integrations/llm_providers; pydantic/pydantic-ai,
        # models/instrumented.py). The formatted message of a span has its values in it.
        "logfire.msg",
        "logfire.logging_args",
        "request_data",
        "response_data",
        "all_messages_events",
        "pydantic_ai.*",
        "final_result",
        "events",
        "tool_arguments",
        "tool_response",
        "model_request_parameters",
        # MLflow (mlflow/mlflow, mlflow/tracing/constant.py).
        "mlflow.*",
        # Google ADK (google/adk-python, src/google/adk/telemetry/tracing.py); LiveKit agents.
        "gcp.vertex.agent.*",
        "lk.*",
        # CrewAI's and smolagents' spans of OpenInference and OpenLLMetry.
        "crewai.*",
        "smolagents.*",
    ),
    "keep": (
        "gen_ai.agent.id",
        "gen_ai.agent.name",
        "gen_ai.agent.version",
        "gen_ai.conversation.id",
        "gen_ai.data_source.id",
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.label",
        "gen_ai.openai.request.*",
        "gen_ai.openai.response.*",
        "gen_ai.openai.api_type",
        "gen_ai.openai.api_version",
        "gen_ai.openai.system_fingerprint",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.prompt.name",
        "gen_ai.prompt.*.role",
        "gen_ai.completion.*.role",
        "gen_ai.completion.*.finish_reason",
        "gen_ai.provider.name",
        "gen_ai.request.*model",
        "gen_ai.request.encoding_formats",
        "gen_ai.request.service_tier",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.service_tier",
        "gen_ai.response.system_fingerprint",
        "gen_ai.system",
        "gen_ai.token.type",
        "gen_ai.tool.call.id",
        "gen_ai.tool.name",
        "gen_ai.tool.type",
        "gen_ai.usage.*",
        "gen_ai.aggregated_usage.*",
        "gen_ai.cost.*",
        "gen_ai.workflow.name",
        "llm.model_name",
        "llm.request.model",
        "llm.request.model_name",
        "llm.request.type",
        "llm.response.id",
        "llm.response.model*",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
        "llm.finish_reason",
        "llm.provider",
        "llm.system",
        "llm.vendor",
        "llm.usage.*",
        # Numbers as text are what they cost, too.
        "llm.token_count.*",
        "llm.cost.*",
        "llm.prompt_template.version",
        "llm.*messages.*.message.role",
        "input.mime_type",
        "output.mime_type",
        "embedding.model_name",
        "reranker.model_name",
        "retrieval.documents.*.document.id",
        "document.id",
        "tool.id",
        "tool.name",
        "message.id",
        "message.type",
        "message.role",
        "message_content.type",
        "prompt.id",
        "prompt.vendor",
        "audio.mime_type",
        "annotation.name",
        "evaluation.name",
        "traceloop.span.kind",
        "traceloop.workflow.name",
        "traceloop.entity.name",
        "traceloop.entity.path",
        "traceloop.entity.version",
        "traceloop.association.properties.session_id",
        "traceloop.correlation.id",
        "traceloop.prompt.key",
        "traceloop.prompt.version*",
        "mcp.method.name",
        "mcp.protocol.version",
        "mcp.request.id",
        "mcp.session.id",
        "langfuse.session.id",
        "langfuse.user.id",
        "langfuse.environment",
        "langfuse.release",
        "langfuse.version",
        "langfuse.trace.name",
        "langfuse.observation.type",
        "langfuse.observation.level",
        "langfuse.observation.model.name",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
        "langfuse.observation.completion_start_time",
        "langfuse.observation.prompt.name",
        "langfuse.observation.prompt.version",
        "langsmith.span.id",
        "langsmith.span.kind",
        "langsmith.span.parent_id",
        "langsmith.span.dotted_order",
        "langsmith.trace.id",
        "langsmith.trace.session_id",
        "langsmith.trace.session_name",
        "langsmith.trace.name",
        "ai.operationid",
        "ai.model.*",
        "ai.usage.*",
        "ai.response.id",
        "ai.response.model",
        "ai.response.finishreason",
        "ai.response.timestamp",
        "ai.settings.*",
        "ai.schema.name",
        "ai.telemetry.functionid",
        "ai.toolcall.id",
        "ai.toolcall.name",
        "mlflow.experimentid",
        "mlflow.tracerequestid",
        "mlflow.spantype",
        "mlflow.spanloglevel",
        "mlflow.spanfunctionname",
        "mlflow.chat.tokenusage",
        "mlflow.llm.*",
        "mlflow.message.format",
        "gcp.vertex.agent.event_id",
        "gcp.vertex.agent.invocation_id",
        "gcp.vertex.agent.session_id",
        "crewai.version",
    ),
    "url": ("gen_ai.openai.api_base", "prompt.url"),
    "secret": ("llm.headers", "langsmith.request.headers", "ai.request.headers.*"),
}

GROUPS: Final = (_OURS, _GENERAL, _MODELS)

# The last words of a key that the patterns do not know, words of form aside: ``customer_email``, ``app.userPrompt``, ``retry.payload``.
CONTENT_WORDS: Final = """
answer answers args argument arguments body chunk chunks comment comments completion completions content contents critique delta deltas description
dialog dialogue document documents draft email emails embedding embeddings essay excerpt excerpts explanation feedback generation generations history
input inputs instruction instructions kwargs mail memories message messages msg note notes observation observations output outputs params parameters
passage passages payload phone prompt prompts query question questions rationale reasoning reply replies request response result results said
scratchpad snippet snippets sql statement story subject suggestion suggestions summary text texts thinking thought thoughts transcript transcription
translation utterance utterances variables vector vectors
"""
SECRET_WORDS: Final = """
auth authorization bearer cookie cookies credential credentials cvv header headers iban jwt otp passphrase passwd password pin pwd secret secrets
signature ssn token
access_key account_key api_key apikey auth_key card_number client_key credit_card encryption_key private_key secret_key session_key shared_key
signing_key connection_string dsn
"""
# Addresses: they leave without login, query and fragment.
URL_WORDS: Final = """
callback endpoint href link links location redirect referer referrer target uri uris url urls webhook
"""
# Words at the end of a key that say in which form the value is, not what it is: ``prompt_v2``, ``answer_raw``, ``message.text.preview``.
FORM_WORDS: Final = """
clean cleaned excerpted final first formatted full html json last markdown masked new normalized old original preview raw rendered short
str string template trimmed truncated v value values
"""


def patterns() -> dict[str, Action]:
    """Every pattern of the table and what it says."""
    return {pattern: action for group in GROUPS for action, names in group.items() for pattern in names}
