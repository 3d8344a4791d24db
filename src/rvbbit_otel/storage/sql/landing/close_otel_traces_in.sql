ALTER TABLE otel_traces_in ADD COLUMN IF NOT EXISTS
-- include landing/closed.sql
