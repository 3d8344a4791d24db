"""The all-in-one: OTLP in, the ClickHouse engine in process, ClickHouse's HTTP protocol out."""
