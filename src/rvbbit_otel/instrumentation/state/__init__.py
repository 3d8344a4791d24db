"""What the instrumentation remembers between calls: callers, sessions, UDF queries, and costs that come later."""
