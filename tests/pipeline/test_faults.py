"""Each fault ends in the same exact counts: 320 sessions, 6,400 rows, every span once.

What is sent is a recording of a real run, by a sender that sends again until it is acknowledged; or, where the load is the point, the runner itself.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.pipeline.conftest import instrumented, only_clickhouse, report
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.collector import Collector, Place, running_collector
from tests.support.programs import until
from tests.support.recording import Recording, Sender, regrouped
from tests.support.sizes import sized
from tests.support.tcp_proxy import TcpProxy
from tests.support.truth import assert_whole, counted, stored_ids

import drive
from rvbbit_otel.storage.client import ClickHouseDatabase

HOUR = 3600 * 10**9


def drained(collector: Collector, spans: int) -> None:
    """Wait until the collector has sent so many spans and nothing waits."""
    until(
        f"{spans} spans are sent and none waits",
        lambda: collector.sent() >= spans and not collector.queued(),
        why=lambda: f"sent {collector.sent()}, queued {collector.queued()}\n{collector.log()[-4000:]}",
    )


def failed_attempts(collector: Collector) -> int:
    return collector.log().count("Exporting failed. Will retry the request after interval.")


@pytest.mark.figure(4)
def test_the_store_is_down_for_a_minute(recording: Recording, tmp_path: Path) -> None:
    place, sender = Place(tmp_path / "collector"), None
    half = len(recording.bodies) // 2
    with TcpProxy() as proxy, running_collector(place, only_clickhouse(proxy.address)) as collector:
        sender = Sender(place.http)
        with running_all_in_one(tmp_path / "data") as store:
            proxy.target = store.clickhouse
            sender.deliver(recording.bodies[:half])
            until("the first half is stored", lambda: not collector.queued() and collector.sent() > 0)
            before = counted(ClickHouseDatabase(store.clickhouse))
            os.kill(store.pid, signal.SIGKILL)
            store.process.wait()
            went, proxy.target = time.monotonic(), None
            sender.deliver(recording.bodies[half:])
        until("it was down for a minute", lambda: time.monotonic() - went >= 60)
        waiting, failed = collector.queued(), failed_attempts(collector)
        assert waiting > 0
        assert failed >= 3
        with running_all_in_one(tmp_path / "data") as store:
            proxy.target = store.clickhouse
            drained(collector, len(recording.ids))
            assert_whole(store.clickhouse, recording.owners, recording.ids)
            report(before=before, waiting=waiting, failed=failed, after=counted(ClickHouseDatabase(store.clickhouse)))


@pytest.mark.figure(3)
@pytest.mark.parametrize("number", range(sized(1, full=10)))
def test_a_collector_that_is_killed_with_all_in_its_queue_sends_it_when_it_is_started_again(
    recording: Recording, store: AllInOne, tmp_path: Path, number: int
) -> None:
    place = Place(tmp_path / "collector")
    with TcpProxy() as proxy:
        with running_collector(place, only_clickhouse(proxy.address)) as collector:
            Sender(place.http).deliver(recording.bodies)
            until("the store was tried in vain", lambda: failed_attempts(collector) > 0)
            waiting = collector.queued()
            collector.process.kill()
        before = counted(ClickHouseDatabase(store.clickhouse))
        proxy.target = store.clickhouse
        with running_collector(place, only_clickhouse(proxy.address)) as collector:
            drained(collector, len(recording.ids))
    assert (before, waiting > 0) == ((0, 0, 0, 0), True)
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before=before, waiting=waiting, after=counted(ClickHouseDatabase(store.clickhouse)))


def test_a_collector_that_is_killed_under_a_runners_load_loses_nothing(store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    database = ClickHouseDatabase(store.clickhouse)
    environ = {
        # Small exports from the first moment on, so that the kill falls among them.
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        # The exporter sends again for as long as this; the default of ten seconds is for a collector that is never away for long.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
    }
    with TcpProxy(store.clickhouse, delay=0.1) as proxy, ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        collector = stack.enter_context(running_collector(place, only_clickhouse(proxy.address)))
        runner = drive.processes(tmp_path / "runner", instrumented(f"http://{place.grpc}"), environ, delay_ms=200)
        with runner as dsn:
            load = pool.submit(drive.drive, dsn, 16, 20)
            until("it took 300 spans", partial(took, collector, 300), why=collector.log)
            assert not load.done()
            collector.process.kill()
            collector.process.wait()
            before = counted(database)
            second = stack.enter_context(running_collector(place, only_clickhouse(proxy.address)))
            assert load.result() == 320
        # The runner has ended, and with it all that it had to send is sent.
        until("all is stored", lambda: counted(database)[3] >= 6432 and not second.queued(), why=second.log)
    owners = {each.session_id: {each.owner} for each in drive.truth(tmp_path / "runner" / "journal.jsonl")}
    assert len(owners) == 320
    assert counted(database)[3] == 6400 + 2 * 16
    assert_whole(store.clickhouse, owners, stored_ids(database))
    report(before=before, after=counted(database))


def test_a_collector_that_is_killed_three_times_while_it_is_sent_to_loses_nothing(
    recording: Recording, store: AllInOne, tmp_path: Path
) -> None:
    place = Place(tmp_path / "collector")
    database = ClickHouseDatabase(store.clickhouse)
    requests = regrouped(recording.bodies, 3, largest=200)
    before = []
    with TcpProxy(store.clickhouse, delay=0.02) as proxy, ThreadPoolExecutor(1) as pool:
        sender = Sender(place.http)
        enough = threading.Event()
        sending = pool.submit(again_and_again, sender, requests, enough)
        for _ in range(3):
            with running_collector(place, only_clickhouse(proxy.address)) as collector:
                until("it sent some and has more", partial(is_at_work, collector), why=collector.log)
                assert not sending.done()
                collector.process.kill()
            before.append(counted(database)[3])
        enough.set()
        with running_collector(place, only_clickhouse(proxy.address)) as collector:
            sending.result()
            until(
                "all is stored",
                lambda: counted(database)[3] >= len(recording.ids) and not collector.queued(),
                why=lambda: collector.log()[-4000:],
            )
    assert sender.unreachable > 0
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(
        spans_at_each_kill=before, requests=sender.acknowledged, sent_again=sender.unreachable, after=counted(database)
    )


def again_and_again(sender: Sender, requests: Sequence[bytes], enough: threading.Event) -> None:
    """Deliver all of them, whole rounds, until it is enough: a load that does not end before the fault."""
    while True:
        sender.deliver(requests, threads=2)
        if enough.is_set():
            return


def took(collector: Collector, spans: int) -> bool:
    return collector.metric("otelcol_receiver_accepted_spans") >= spans


def is_at_work(collector: Collector) -> bool:
    return collector.sent() > 0 and collector.queued() > 0


@pytest.mark.parametrize("delay", [0.0, 0.05], ids=["a quick store", "a slow store"])
def test_the_same_exports_sent_twice_and_four_at_a_time(
    recording: Recording, store: AllInOne, tmp_path: Path, delay: float
) -> None:
    place = Place(tmp_path / "collector")
    with (
        TcpProxy(store.clickhouse, delay) as proxy,
        running_collector(place, only_clickhouse(proxy.address)) as collector,
    ):
        sender = Sender(place.http)
        sender.deliver([body for body in recording.bodies for _ in range(2)])
        drained(collector, 2 * len(recording.ids))
        sender.deliver(recording.bodies)
        drained(collector, 3 * len(recording.ids))
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(spans_sent=3 * len(recording.ids), after=counted(ClickHouseDatabase(store.clickhouse)))


def test_batches_regrouped(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        sender = Sender(place.http)
        for seed in range(2):
            sender.deliver(regrouped(recording.bodies, seed))
        drained(collector, 2 * len(recording.ids))
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(requests=sender.acknowledged, after=counted(ClickHouseDatabase(store.clickhouse)))


def on_a_disk_of_eight_mib(then: str) -> list[str]:
    """What runs a collector, as `then` says, with a disk for its queue that only it sees and that goes with it."""
    small = f'mkdir -p "$RVBBIT_OTEL_QUEUE_DIR" && mount -t tmpfs -o size=8m none "$RVBBIT_OTEL_QUEUE_DIR" && {then}'
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *users, "--mount", "sh", "-c", small, "sh"]


def fill(folder: Path) -> Path:
    """A file that leaves no byte of a disk free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return ballast


def test_the_disk_of_the_queue_is_full(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    prefix = on_a_disk_of_eight_mib('exec "$@"')
    with running_collector(place, only_clickhouse(store.clickhouse), prefix=prefix) as collector:
        ballast = fill(Path(f"/proc/{collector.process.pid}/root") / place.queue.relative_to("/"))
        sender = Sender(place.http)
        sending = threading.Thread(target=sender.deliver, args=(recording.bodies,))
        sending.start()
        until("exports are refused", lambda: sender.refused >= 50, why=lambda: vars(sender))
        assert "no space left on device" in collector.log()
        before, refused = counted(database), sender.refused
        ballast.unlink()
        sending.join(180)
        assert not sending.is_alive()
        until("all is stored", lambda: counted(database)[3] >= len(recording.ids), why=lambda: collector.log()[-4000:])
    assert sender.acknowledged == len(recording.bodies)
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before=before, refused=refused, after=counted(database))


def test_a_queue_at_its_limit_makes_senders_wait_before_its_disk_is_full(
    recording: Recording, store: AllInOne, tmp_path: Path
) -> None:
    place, database = Place(tmp_path / "collector"), ClickHouseDatabase(store.clickhouse)
    prefix = on_a_disk_of_eight_mib('exec "$@"')
    # 4.8 MB of requests, small and large, for a queue of 2 MiB on a disk of 8.
    requests = [*regrouped(recording.bodies, 11, largest=20), *recording.bodies]
    with TcpProxy() as proxy:
        environ = {**only_clickhouse(proxy.address), "RVBBIT_OTEL_QUEUE_BYTES": "2097152"}
        with running_collector(place, environ, prefix=prefix) as collector:
            sender = Sender(place.http)
            sending = threading.Thread(target=sender.deliver, args=(requests,))
            sending.start()
            until("a sender gave up waiting, to come again", lambda: sender.unreachable >= 4, why=lambda: vars(sender))
            before, acknowledged = counted(database), sender.acknowledged
            proxy.target = store.clickhouse
            sending.join(180)
            assert not sending.is_alive()
            until(
                "all is stored",
                lambda: counted(database)[3] >= len(recording.ids) and not collector.queued(),
                why=lambda: collector.log()[-4000:],
            )
        assert "no space left on device" not in collector.log()
    assert (before, acknowledged < len(requests), sender.acknowledged) == ((0, 0, 0, 0), True, len(requests))
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before=before, acknowledged=acknowledged, waited=sender.unreachable, after=counted(database))


def test_a_slow_store(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    database = ClickHouseDatabase(store.clickhouse)
    with TcpProxy(store.clickhouse, 0.2) as proxy:
        # A queue of 2 MiB for 2.3: the last senders have to wait until a store that takes 64 KiB in 0.2 s has made room.
        environ = {**only_clickhouse(proxy.address), "RVBBIT_OTEL_QUEUE_BYTES": "2097152"}
        with running_collector(place, environ) as collector:
            sender = Sender(place.http)
            sender.deliver(recording.bodies, threads=16)
            before = counted(database)
            drained(collector, len(recording.ids))
    assert sender.refused == 0
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before=before, after=counted(database))


@pytest.mark.figure(5)
def test_a_store_whose_answers_are_lost(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")
    database = ClickHouseDatabase(store.clickhouse)
    with TcpProxy(store.clickhouse) as proxy, running_collector(place, only_clickhouse(proxy.address)) as collector:
        proxy.answers_to_lose = 3
        sender = Sender(place.http)
        sender.deliver(recording.bodies[:6])
        drained(collector, 1)
        before, failed = counted(database), failed_attempts(collector)
        sender.deliver(recording.bodies[6:])
        drained(collector, len(recording.ids))
    assert (proxy.answers_to_lose, failed) == (0, 3)
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(before=before, lost=failed, after=counted(database))


def test_two_collectors_at_once_that_are_sent_the_same(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    places = [Place(tmp_path / "one"), Place(tmp_path / "two")]
    environ = only_clickhouse(store.clickhouse)
    with running_collector(places[0], environ) as one, running_collector(places[1], environ) as two:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda place: Sender(place.http).deliver(recording.bodies), places))
        drained(one, len(recording.ids))
        drained(two, len(recording.ids))
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    report(spans_sent=2 * len(recording.ids), after=counted(ClickHouseDatabase(store.clickhouse)))


def test_spans_out_of_order_by_an_hour(recording: Recording, store: AllInOne, tmp_path: Path) -> None:
    place = Place(tmp_path / "collector")

    def an_hour_ago(span: Span) -> None:
        # Every second span by its id, so that each session has spans of both hours.
        if span.span_id[-1] % 2:
            span.start_time_unix_nano -= HOUR
            span.end_time_unix_nano -= HOUR

    batches: Sequence[bytes] = regrouped(recording.bodies, 7, change=an_hour_ago)
    with running_collector(place, only_clickhouse(store.clickhouse)) as collector:
        sender = Sender(place.http)
        sender.deliver(batches)
        sender.deliver(list(reversed(batches)))
        drained(collector, 2 * len(recording.ids))
    assert_whole(store.clickhouse, recording.owners, recording.ids)
    ((spread,),) = (
        ClickHouseDatabase(store.clickhouse)
        .query("SELECT countIf(last_seen_at - started_at > 3000) FROM session_state")
        .rows
    )
    assert spread == 320
    report(spans_sent=2 * len(recording.ids), after=counted(ClickHouseDatabase(store.clickhouse)))
