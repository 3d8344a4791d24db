ALTER TABLE otlp_traces_in DROP COLUMN IF EXISTS closed
