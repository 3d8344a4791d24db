"""What the store reads to know a call, its session and its cost leaves as it is, as a number or as text."""

from __future__ import annotations

import re

from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.values import Values
from rvbbit_otel.settings import Settings
from rvbbit_otel.storage.files import read

VIEW = read("migrations/0020_spans_stated_mv.sql")
LISTED = set(re.findall(r"'([\w.]+)'", VIEW[VIEW.index("mapFilter(") : VIEW.index("SpanAttributes) AS said")]))
READ = set(re.findall(r"said\['([\w.]+)'\]", VIEW))
SESSIONS = {
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
}


def test_the_view_reads_what_it_picks_out_and_nothing_else() -> None:
    assert LISTED == READ
    assert len(LISTED) > 70


def test_it_leaves_untouched() -> None:
    leaves = Values(Settings(), Counters())
    for value in ("gpt-5", "12.5", 7, 0.25):
        assert leaves.changes(dict.fromkeys(LISTED | SESSIONS, value)) == {}
