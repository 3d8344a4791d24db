ALTER TABLE otel_logs_in ADD COLUMN IF NOT EXISTS
-- include landing/closed.sql
