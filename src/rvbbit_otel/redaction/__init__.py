"""Redact spans and log records before they are exported: content and secrets don't leave the process."""
