"""The ClickHouse engine in this process, its folder, and what it may do."""
