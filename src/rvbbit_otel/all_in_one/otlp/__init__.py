"""OTLP messages as the store takes them: what is checked, what is rewritten, what is left out."""
