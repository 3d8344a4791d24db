"""Whatever is framed as protobuf is refused or stored, and the engine is never given what it does not read. Seeds are printed, and replay."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.conftest import Store
from tests.support.otlp_fuzz import Fuzz
from tests.support.sizes import SEED, sized

from rvbbit_otel.all_in_one.otlp.rejections import left_out
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError, prepare
from rvbbit_otel.all_in_one.otlp.schema import kind_of
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

REQUESTS = sized(400, full=10_000)


@pytest.mark.figure(11)
@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_the_engine_reads_whatever_the_door_passes_on_and_leaves_out_what_the_door_says(
    store: Store, signal: str
) -> None:
    fuzz, passed, refused = Fuzz(SEED), [], 0
    for _ in range(REQUESTS):
        try:
            passed.append(prepare(signal, fuzz.request(signal)))
        except UnreadableBodyError:
            refused += 1
    assert len(passed) > REQUESTS / 4
    insert = traces_insert() if signal == "traces" else logs_insert()
    for at in range(0, len(passed), 100):
        store.engine.insert(insert, b"".join(each.body for each in passed[at : at + 100]), "ProtobufSingle")
    told: Counter[str] = Counter()
    for each in passed:
        told += left_out(signal, kind_of(signal).plain.FromString(each.body))
    counted = store.rows(
        "SELECT reason, sum(count) FROM rejected_spans WHERE left_out_of = 'all tables' GROUP BY reason"
    )
    assert {str(reason): int(str(count)) for reason, count in counted} == told
