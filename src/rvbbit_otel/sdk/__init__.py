"""Our parts in OpenTelemetry's SDK: processors, a sampler, an exporter that fills gaps, and their installation into a provider."""
