-- Landing tables that refuse every insert, since `migrate` has not come to its end.
SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'closed' AND default_kind = 'MATERIALIZED' ORDER BY table
