"""The three tables and what is asked of them: schema, client, audits, late attribution."""
