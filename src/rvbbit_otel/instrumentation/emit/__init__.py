"""Spans of ours and what is written on them."""
