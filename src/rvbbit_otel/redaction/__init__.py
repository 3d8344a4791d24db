"""What leaves the process: content and secrets are taken out of spans and log records on their way to an exporter."""
