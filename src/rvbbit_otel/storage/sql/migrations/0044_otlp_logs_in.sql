-- The landing table for raw OTLP: one row an ExportLogsServiceRequest, as sql/otlp.proto reads it. Nothing is kept here.
-- `closed` refuses every insert until the views behind are there: `migrate` drops it last (ADR 57).
CREATE TABLE IF NOT EXISTS otlp_logs_in
(
    resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
        schema_url String,
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String))))),
            schema_url String,
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)),
                attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64), bytes_value Nullable(String)))),
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String
            ))
        ))
    )),
    -- include landing/closed.sql
)
ENGINE = Null
