"""Asked by caller, the views of sessions read by an index; what they say is what all of them say, in however many pieces a session lies."""

from __future__ import annotations

import random

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, row, traces

DAY = 86_400 * 10**9
CALLERS = ("", "sql-a", "sql-b", "sql-c")
VIEWS = ("session_state", "cascade_sessions")


@pytest.fixture
def scattered(store: Store) -> Store:
    """900 sessions in ten parts of three months: some of two callers, some of none, each with rows that do not name it."""
    # Not SYSTEM STOP MERGES: the engine has no grant of SYSTEM.
    store.engine.command(
        "ALTER TABLE session_facts MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1"
    )
    chance = random.Random(11)
    number = 0
    # The last first: a session's caller is often told by an older part than its other rows.
    for batch in reversed(range(10)):
        spans = []
        for session in range(900):
            if chance.random() < 0.6:
                number += 1
                known = chance.random() < 0.3
                caller = chance.choice(CALLERS) if chance.random() < 0.02 else CALLERS[session % 4]
                usage = {"rvbbit__usage__counted": True, "rvbbit__usage__cost": 0.25} if chance.random() < 0.2 else {}
                spans.append(
                    row(
                        number,
                        f"s{session}",
                        caller if known else "",
                        at=NOW - batch * 8 * DAY + number,
                        rvbbit__cascade__id="c" if session % 3 else "",
                        **usage,
                    )
                )
        store.send(traces(*spans))
    assert (
        int(
            str(
                store.one(
                    "SELECT count() FROM system.parts WHERE active AND table = 'session_facts' AND database = currentDatabase()"
                )
            )
        )
        >= 10
    )
    return store


@pytest.mark.parametrize("view", VIEWS)
def test_a_callers_sessions_are_those_that_a_look_at_all_of_them_finds(scattered: Store, view: str) -> None:
    every = scattered.whole(f"SELECT * FROM {view} ORDER BY session_id, caller_id")
    assert len({(each["session_id"], each["caller_id"]) for each in every}) == len(every) >= 900
    for caller in CALLERS:
        mine = [each for each in every if each["caller_id"] == caller]
        assert len(mine) > 50
        assert scattered.whole(f"SELECT * FROM {view} WHERE caller_id = '{caller}' ORDER BY session_id") == mine
    session = next(each["session_id"] for each in every if each["caller_id"])
    whole = f"SELECT * FROM {view} WHERE session_id = '{session}' ORDER BY caller_id"
    assert scattered.whole(whole) == [each for each in every if each["session_id"] == session]
    scattered.engine.command("OPTIMIZE TABLE session_facts FINAL")
    assert scattered.whole(f"SELECT * FROM {view} ORDER BY session_id, caller_id") == every


def test_the_views_say_what_the_rows_of_each_session_and_caller_add_up_to(scattered: Store) -> None:
    by_hand = scattered.rows(
        "SELECT caller_id, session_id, min(timestamp) FROM unified_logs GROUP BY session_id, caller_id ORDER BY session_id, caller_id"
    )
    assert (
        scattered.rows("SELECT caller_id, session_id, started_at FROM session_state ORDER BY session_id, caller_id")
        == by_hand
    )
    claimed = [session for caller, session, _ in by_hand if caller]
    assert len(set(claimed)) < len(claimed)
    costs = "SELECT caller_id, session_id, sum(cost), {} FROM {} GROUP BY ALL HAVING max(cascade_id) != '' ORDER BY session_id, caller_id"
    assert scattered.rows(costs.format("sum(usage_rows)", "cascade_sessions")) == scattered.rows(
        costs.format("countIf(cost > 0)", "unified_logs")
    )
