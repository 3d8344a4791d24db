-- The version of the schema.
SELECT max(version) AS version, count() AS applied, max(applied_at) AS applied_at
FROM schema_migrations
