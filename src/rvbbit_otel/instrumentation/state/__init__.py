"""State of the instrumentation between calls: callers, sessions, UDF queries, and costs that come later."""
