ALTER TABLE otel_traces_in DROP COLUMN IF EXISTS closed
