"""Who triggered a piece of work: callers, the sessions they started, and the one rule that puts a caller on a span or a log record."""
