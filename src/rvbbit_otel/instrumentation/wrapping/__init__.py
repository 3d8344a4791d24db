"""Wrappers around a runner's callables: how they are put on and taken off, and one for each kind of callable."""
