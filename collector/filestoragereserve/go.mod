module rvbbit.local/filestoragereserve

go 1.25.0

require (
	go.opentelemetry.io/collector/component v1.63.0
	go.opentelemetry.io/collector/extension v1.63.0
	go.opentelemetry.io/collector/extension/xextension v0.157.0
	go.uber.org/zap v1.28.0
)
