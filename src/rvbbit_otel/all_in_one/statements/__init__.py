"""Decide which SQL statements from outside may run: syntax trees are held against lists."""
