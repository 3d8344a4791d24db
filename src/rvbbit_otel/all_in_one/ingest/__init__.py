"""From an acknowledged request to rows: the journal, groups, the quarantine."""
