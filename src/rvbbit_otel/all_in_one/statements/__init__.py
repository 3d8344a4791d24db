"""Which SQL statements from outside may run: syntax trees held against lists."""
