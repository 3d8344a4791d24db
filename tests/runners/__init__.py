"""Real runners, installed as they are published: `make test-runners`."""
