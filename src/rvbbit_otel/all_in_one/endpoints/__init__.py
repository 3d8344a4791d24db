"""The listeners: OTLP over gRPC and over HTTP, and ClickHouse's HTTP protocol."""
