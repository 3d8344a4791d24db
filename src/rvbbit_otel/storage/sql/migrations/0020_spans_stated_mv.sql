-- The one place that reads attributes, ours and others', and the one place that says what is refused.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_stated_mv TO spans_stated AS
SELECT
    stated.* EXCEPT has_usage,
    is_row AND has_usage AS tells,
    if(tells, arrayDistinct(arrayConcat(
        [cityHash64('trace', trace_hash), cityHash64('session', session_id, caller_id)],
        if(response_id != '', [cityHash64('response', response_id)], [])
    )), []) AS call_keys,
    -- As long as no other span tells of the same call, and no price is to be found: what does is looked at further on.
    tells AS usage_counted,
    if(tells, told_in, 0) AS tokens_in,
    if(tells, told_out, 0) AS tokens_out,
    toDecimal64(if(tells, ifNull(told_cost, 0), 0), 0) * toDecimal64('0.000000000001', 12) AS cost,
    if(tells AND told_cost IS NOT NULL, 'stated', '') AS cost_source
FROM
(
    WITH
        if(caller_fault = '', stated_caller, '') AS own_caller,
        -- Of rows only those have the digest, which travels, that were copied from baggage.
        multiIf(
            own_caller = '', 'none',
            stated_source IN ('explicit', 'echo', 'baggage', 'inherited', 'repair'), stated_source,
            SpanAttributes['rvbbit.caller.digest'] != '', 'baggage',
            'explicit'
        ) AS own_source,
        -- What somebody triggered, and what costs money, is a row also where nobody named a session: one that its trace stands for. The span of
        -- `rvbbit-otel doctor` is a question, and no work.
        stated_session = '' AND session_fault = '' AND stated_kind != 'caller' AND ScopeName != 'rvbbit_otel.doctor' AND (own_caller != ''
            OR told_in != 0 OR told_out != 0 OR told_cost != 0) AS stands_for_trace
    SELECT
        Timestamp,
        TraceId,
        SpanId,
        ParentSpanId,
        TraceState,
        SpanName,
        SpanKind,
        ServiceName,
        ResourceAttributes,
        ScopeName,
        ScopeVersion,
        SpanAttributes,
        Duration,
        StatusCode,
        StatusMessage,
        `Events.Timestamp`,
        `Events.Name`,
        `Events.Attributes`,
        `Links.TraceId`,
        `Links.SpanId`,
        `Links.TraceState`,
        `Links.Attributes`,
        reject,
        session_fault,
        caller_fault,
        reject = '' AND session_id != '' AND stated_kind != 'caller' AS is_row,
        multiIf(session_fault != '', '', stands_for_trace, concat('trace-', TraceId), stated_session) AS session_id,
        bitShiftRight(cityHash64(TraceId), 24) AS trace_hash,
        multiIf(
            stated_caller = '', multiIf(stands_for_trace OR caller_candidate != '', 'nobody', stated_source = 'none', 'none', 'open'),
            caller_fault != '', 'nobody',
            stated_source IN ('echo', 'repair'), 'session',
            stated_source = 'inherited', 'inherited',
            'stated'
        ) AS claim,
        if(gone[5], 'erased', SpanAttributes['rvbbit.session.parent_id']) AS parent_session_id,
        SpanAttributes['rvbbit.session.event'] AS session_event,
        multiIf(
            stated_status != '', stated_status,
            session_event = 'start', 'running',
            session_event = 'end', if(StatusCode = 'Error', 'error', 'completed'),
            ''
        ) AS session_status,
        own_caller AS caller_id,
        own_source AS caller_source,
        if(stated_caller = '' AND match(stated_candidate, '^[A-Za-z0-9_.:-]{1,128}$'), stated_candidate, '') AS caller_candidate,
        SpanAttributes['rvbbit.caller.origin'] AS caller_origin,
        multiIf(
            stated_kind IN ('caller', 'session', 'cascade', 'cell', 'llm', 'tool', 'log'), stated_kind,
            operation IN (
                'chat', 'text_completion', 'generate_content', 'embeddings', 'completion', 'response', 'responses', 'rerank', 'generate_image', 'image_generation',
                'transcription', 'text_to_speech', 'speech', 'audio'
            ) OR said['llm.request.type'] != '' OR said['openinference.span.kind'] IN ('LLM', 'EMBEDDING', 'RERANKER')
                OR said['langfuse.observation.type'] IN ('generation', 'embedding'), 'llm',
            operation = 'execute_tool' OR said['gen_ai.tool.name'] != '' OR said['openinference.span.kind'] = 'TOOL' OR said['traceloop.span.kind'] = 'tool'
                OR said['langfuse.observation.type'] = 'tool', 'tool',
            'span'
        ) AS kind,
        SpanAttributes['rvbbit.cascade.id'] AS cascade_id,
        model,
        provider,
        response_id,
        user_id,
        cityHash64(TraceId, SpanId) AS call,
        said['rvbbit.usage.counted'] = 'true' AS own,
        -- A row of a runner that says of itself that it does not count is told of by another of its rows.
        said['rvbbit.usage.counted'] != 'false' AND (told_in != 0 OR told_out != 0 OR told_cost IS NOT NULL) AS has_usage,
        said['rvbbit.usage.cost_awaited'] = 'true' AS awaited,
        told_in,
        told_out,
        told_cached,
        told_cache_write,
        told_reasoning,
        told_audio_in,
        told_audio_out,
        told_cost,
        if(reject = '' AND is_absurd, 'usage', '') AS usage_fault,
        -- By multiplying, since a Float64 becomes a Decimal by cutting off.
        toDecimal64(took, 0) * toDecimal64('0.000001', 6) AS duration_ms,
        addNanoseconds(Timestamp, if(out_of_time, 0, duration)) AS end_time,
        if(StatusCode = 'Error',
            multiIf(StatusMessage != '', StatusMessage, exception != '', exception, SpanAttributes['error.type'] != '', SpanAttributes['error.type'], 'error'),
            '') AS error
    FROM
    (
        SELECT
            * REPLACE (
                if(has([gone[3], gone[4], gone[5]], 1), mapApply(
                    (name, value) -> (name, if(
                        name = 'rvbbit.caller.conflict' AND gone[3] OR name = 'rvbbit.caller.candidate' AND gone[4]
                            OR name = 'rvbbit.session.parent_id' AND gone[5],
                        'erased', value
                    )),
                    SpanAttributes
                ), SpanAttributes) AS SpanAttributes
            ),
            SpanAttributes['rvbbit.caller.id'] AS stated_caller,
            SpanAttributes['rvbbit.caller.source'] AS stated_source,
            if(gone[4], 'erased', SpanAttributes['rvbbit.caller.candidate']) AS stated_candidate,
            SpanAttributes['rvbbit.kind'] AS stated_kind,
            SpanAttributes['rvbbit.session.status'] AS stated_status,
            toFloat64OrNull(SpanAttributes['rvbbit.duration_ms']) AS stated_duration,
            -- A day ahead for clocks that are wrong; 90 days back, so that one block never touches over 92 partitions (the engine stops at 100).
            NOT (Timestamp BETWEEN now() - INTERVAL 90 DAY AND now() + INTERVAL 1 DAY) AS out_of_time,
            -- Spans that end before they start wrap around to centuries.
            if(Duration <= 7776000000000000, Duration, 0) AS duration,
            -- Whole nanoseconds, of three years at most.
            toInt64(ifNull(if(abs(stated_duration) <= 1e11, round(stated_duration * 1e6), NULL), duration)) AS took,
            arrayFirst(message -> message != '', arrayMap(attributes -> attributes['exception.message'], `Events.Attributes`)) AS exception,
            multiIf(gone[1] OR gone[2], 'erased', length(TraceId) != 32, 'trace_id', length(SpanId) != 16, 'span_id', out_of_time, 'time', '') AS reject,
            if(reject = '' AND (stated_session != '' OR mapContains(SpanAttributes, 'session.id'))
                AND (stated_session = '' OR lengthUTF8(stated_session) > 256 OR match(stated_session, '[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}]')),
                'session_id', '') AS session_fault,
            if(reject = '' AND stated_caller != '' AND NOT match(stated_caller, '^[A-Za-z0-9_.:-]{1,128}$'), 'caller_id', '') AS caller_fault
        FROM
        (
            -- The numbers that those are.
            WITH
                -- Whole numbers that no call reaches are no counts.
                arrayMap(
                    text -> if(text = '', 0, if(toFloat64OrNull(text) BETWEEN 0 AND 1e12, toInt64(round(ifNull(toFloat64OrNull(text), 0))), -1)),
                    [if(text_in = '' AND text_out = '', text_total, text_in), text_out, text_cached, text_cache_write, text_reasoning, text_audio_in, text_audio_out]
                ) AS numbers,
                -- A million dollars a call, no more. 1e-12 dollars: exact to 9,000 dollars, since a Float64 holds so many digits; and what a program made of
                -- 0.00022 by adding up is 0.00022 again.
                if(toFloat64OrNull(text_cost) BETWEEN 0 AND 1e6, toInt64(round(ifNull(toFloat64OrNull(text_cost), 0) * 1e12)), NULL) AS stated_cost
            SELECT
                *,
                toUInt64(greatest(0, numbers[1])) AS told_in,
                toUInt64(greatest(0, numbers[2])) AS told_out,
                toUInt64(greatest(0, numbers[3])) AS told_cached,
                toUInt64(greatest(0, numbers[4])) AS told_cache_write,
                toUInt64(greatest(0, numbers[5])) AS told_reasoning,
                toUInt64(greatest(0, numbers[6])) AS told_audio_in,
                toUInt64(greatest(0, numbers[7])) AS told_audio_out,
                -- A cost of zero is a price, of a model that is free or of an answer from a cache. Only OpenLIT states it of models that its table does not know.
                if(stated_cost = 0 AND startsWith(ScopeName, 'openlit'), NULL, stated_cost) AS told_cost,
                has(numbers, -1) OR text_cost != '' AND isNull(stated_cost) AS is_absurd
            FROM
            (
                -- Each by the first of its names that is there. Mostly none is.
                WITH
                    words -> arrayFirst(word -> word != '', words) AS first_said,
                    said['langfuse.observation.usage_details'] AS langfuse_usage,
                    said['mlflow.chat.tokenUsage'] AS mlflow_usage
                SELECT
                    *,
                    said['gen_ai.operation.name'] AS operation,
                    first_said([
                        said['gen_ai.usage.input_tokens'], said['gen_ai.usage.prompt_tokens'], said['llm.token_count.prompt'], said['llm.usage.prompt_tokens'],
                        said['ai.usage.inputTokens'], said['ai.usage.promptTokens'], said['gen_ai.aggregated_usage.input_tokens'], said['rvbbit.usage.told.input_tokens'],
                        JSONExtractRaw(langfuse_usage, 'input'), JSONExtractRaw(langfuse_usage, 'prompt_tokens'), JSONExtractRaw(mlflow_usage, 'input_tokens')
                    ]) AS text_in,
                    first_said([
                        said['gen_ai.usage.output_tokens'], said['gen_ai.usage.completion_tokens'], said['llm.token_count.completion'], said['llm.usage.completion_tokens'],
                        said['ai.usage.outputTokens'], said['ai.usage.completionTokens'], said['gen_ai.aggregated_usage.output_tokens'], said['rvbbit.usage.told.output_tokens'],
                        JSONExtractRaw(langfuse_usage, 'output'), JSONExtractRaw(langfuse_usage, 'completion_tokens'), JSONExtractRaw(mlflow_usage, 'output_tokens')
                    ]) AS text_out,
                    -- Where only their sum is told, as of embeddings, it is what went in.
                    first_said([
                        said['gen_ai.usage.total_tokens'], said['llm.token_count.total'], said['llm.usage.total_tokens'], JSONExtractRaw(langfuse_usage, 'total'),
                        JSONExtractRaw(mlflow_usage, 'total_tokens')
                    ]) AS text_total,
                    first_said([
                        said['gen_ai.usage.cache_read.input_tokens'], said['gen_ai.usage.cache_read_input_tokens'], said['llm.token_count.prompt_details.cache_read'],
                        said['llm.usage.cache_read_input_tokens'], said['gen_ai.usage.details.cache_read_tokens'], said['ai.usage.cachedInputTokens'],
                        JSONExtractRaw(langfuse_usage, 'input_cached_tokens'), JSONExtractRaw(langfuse_usage, 'cache_read_input_tokens')
                    ]) AS text_cached,
                    first_said([
                        said['gen_ai.usage.cache_creation.input_tokens'], said['gen_ai.usage.cache_creation_input_tokens'], said['llm.token_count.prompt_details.cache_write'],
                        said['llm.usage.cache_creation_input_tokens'], said['gen_ai.usage.details.cache_write_tokens'], JSONExtractRaw(langfuse_usage, 'cache_creation_input_tokens')
                    ]) AS text_cache_write,
                    first_said([
                        said['gen_ai.usage.reasoning.output_tokens'], said['gen_ai.usage.reasoning_tokens'], said['llm.token_count.completion_details.reasoning'],
                        said['llm.usage.reasoning_tokens'], said['gen_ai.usage.details.reasoning_tokens'], said['ai.usage.reasoningTokens'],
                        JSONExtractRaw(langfuse_usage, 'output_reasoning_tokens')
                    ]) AS text_reasoning,
                    first_said([said['llm.token_count.prompt_details.audio'], said['gen_ai.usage.details.input_audio_tokens'], JSONExtractRaw(langfuse_usage, 'input_audio_tokens')]) AS text_audio_in,
                    first_said([
                        said['llm.token_count.completion_details.audio'], said['gen_ai.usage.details.output_audio_tokens'], JSONExtractRaw(langfuse_usage, 'output_audio_tokens')
                    ]) AS text_audio_out,
                    first_said([
                        said['rvbbit.usage.cost'], said['gen_ai.usage.cost'], said['gen_ai.usage.cost.amount'], said['operation.cost'], said['llm.cost.total'],
                        said['gen_ai.cost.total_cost'], said['gen_ai.usage.total_cost'], JSONExtractRaw(said['langfuse.observation.cost_details'], 'total')
                    ]) AS text_cost,
                    first_said([
                        said['gen_ai.response.model'], said['gen_ai.request.model'], said['llm.model_name'], said['llm.response.model'], said['llm.request.model'],
                        said['embedding.model_name'], said['reranker.model_name'], said['ai.response.model'], said['ai.model.id'], said['langfuse.observation.model.name'],
                        said['mlflow.llm.model']
                    ]) AS model,
                    first_said([
                        said['gen_ai.provider.name'], said['gen_ai.system'], said['llm.provider'], said['llm.system'], said['llm.vendor'], said['ai.model.provider']
                    ]) AS provider,
                    first_said([said['gen_ai.response.id'], said['ai.response.id'], said['llm.response.id']]) AS response_id,
                    first_said([said['user.id'], said['langfuse.user.id'], said['enduser.id']]) AS user_id
                FROM
                (
                    SELECT
                        *,
                        -- OpenTelemetry's name (OpenInference's and Logfire's too), that of the GenAI conventions, Langfuse's, OpenLLMetry's.
                        multiIf(
                            mapContains(SpanAttributes, 'session.id'), SpanAttributes['session.id'],
                            SpanAttributes['gen_ai.conversation.id'] != '', SpanAttributes['gen_ai.conversation.id'],
                            SpanAttributes['langfuse.session.id'] != '', SpanAttributes['langfuse.session.id'],
                            SpanAttributes['traceloop.association.properties.session_id']
                        ) AS stated_session,
                        -- Which of its ids were erased: its caller's, its session's; of others that lost, were its candidate, are its parent.
                        arrayMap(id -> id IN (SELECT hash FROM erased), [
                            sipHash64('caller', SpanAttributes['rvbbit.caller.id']), sipHash64('session', stated_session),
                            sipHash64('caller', SpanAttributes['rvbbit.caller.conflict']), sipHash64('caller', SpanAttributes['rvbbit.caller.candidate']),
                            sipHash64('session', SpanAttributes['rvbbit.session.parent_id'])
                        ]) AS gone,
                        -- What is said of a call to a model, by the names in use: one look at each key; all that follows looks at what was found, mostly nothing.
                        mapFilter((name, value) -> name IN (
                            'gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.request.model', 'gen_ai.response.model', 'gen_ai.response.id', 'gen_ai.tool.name',
                            'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_creation.input_tokens',
                            'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.total_tokens',
                            -- Older names of the GenAI conventions, and OpenLLMetry's.
                            'gen_ai.system', 'gen_ai.usage.prompt_tokens', 'gen_ai.usage.completion_tokens', 'gen_ai.usage.cache_read_input_tokens',
                            'gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.reasoning_tokens', 'llm.request.type', 'llm.request.model', 'llm.response.model', 'llm.response.id',
                            'llm.vendor', 'llm.usage.prompt_tokens', 'llm.usage.completion_tokens', 'llm.usage.total_tokens', 'llm.usage.cache_read_input_tokens',
                            'llm.usage.cache_creation_input_tokens', 'llm.usage.reasoning_tokens', 'traceloop.span.kind',
                            -- OpenInference's.
                            'openinference.span.kind', 'llm.model_name', 'embedding.model_name', 'reranker.model_name', 'llm.provider', 'llm.system', 'llm.token_count.prompt',
                            'llm.token_count.completion', 'llm.token_count.total', 'llm.token_count.prompt_details.cache_read', 'llm.token_count.prompt_details.cache_write',
                            'llm.token_count.prompt_details.audio', 'llm.token_count.completion_details.reasoning', 'llm.token_count.completion_details.audio', 'llm.cost.total',
                            -- Logfire's and Pydantic AI's.
                            'operation.cost', 'gen_ai.aggregated_usage.input_tokens', 'gen_ai.aggregated_usage.output_tokens', 'gen_ai.usage.details.cache_read_tokens',
                            'gen_ai.usage.details.cache_write_tokens', 'gen_ai.usage.details.reasoning_tokens', 'gen_ai.usage.details.input_audio_tokens',
                            'gen_ai.usage.details.output_audio_tokens',
                            -- Langfuse's, MLflow's, the Vercel AI SDK's, LiteLLM's and OpenLIT's.
                            'langfuse.observation.type', 'langfuse.observation.model.name', 'langfuse.observation.usage_details', 'langfuse.observation.cost_details', 'langfuse.user.id',
                            'mlflow.chat.tokenUsage', 'mlflow.llm.model', 'ai.model.id', 'ai.model.provider', 'ai.response.model', 'ai.response.id', 'ai.usage.promptTokens',
                            'ai.usage.completionTokens', 'ai.usage.inputTokens', 'ai.usage.outputTokens', 'ai.usage.cachedInputTokens', 'ai.usage.reasoningTokens', 'gen_ai.cost.total_cost',
                            'gen_ai.usage.total_cost', 'gen_ai.usage.cost', 'gen_ai.usage.cost.amount', 'user.id', 'enduser.id',
                            -- Ours.
                            'rvbbit.usage.cost', 'rvbbit.usage.counted', 'rvbbit.usage.cost_awaited', 'rvbbit.usage.told.input_tokens', 'rvbbit.usage.told.output_tokens'
                        ), SpanAttributes) AS said
                    FROM otel_traces_in
                )
            )
        )
    )
) AS stated
