"""The rule of whose a straggler is stands in two files, for a block that comes and for what is stored: word for word the same."""

from __future__ import annotations

from rvbbit_otel.storage.files import read

PARTS = (("multiIf(", ") AS "), ("max(said) OVER own", "FROM"), ("WINDOW", ")\n"), ("minIf(told.first_time", "FROM"))


def rule(name: str) -> list[str]:
    text = read(f"migrations/{name}")
    parts = [text[text.index(start) : text.index(end, text.index(start))] for start, end in PARTS]
    return [" ".join(part.split()) for part in parts]


def test_the_rule_at_insert_is_the_rule_of_repair() -> None:
    at_insert, of_repair = rule("0025_spans_found_mv.sql"), rule("0046_stragglers.sql")
    assert at_insert == of_repair
    assert min(map(len, at_insert)) > 40
