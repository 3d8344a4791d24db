"""Handlers of hooked calls, one for each role: they turn the fields of a call into spans, sessions and contexts."""
