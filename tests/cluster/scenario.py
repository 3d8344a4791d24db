"""What happens to a cluster in a bad week, a step at a time, each compared with one store that got every acknowledged span and record once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.engine_process import EngineProcess, running_engine
from tests.support.machines import FRONT, Machine
from tests.support.otlp import NOW, SpanRecord, logs, row, traces
from tests.support.simulated import KEPT, FrontDatabase, NoReplicaAnswers, Simulation

from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.joining import make_missing
from rvbbit_otel.storage.otlp import logs_insert, traces_insert
from rvbbit_otel.storage.reshard import DEALT, Reshard

TOTALS = (
    "SELECT (SELECT count() FROM unified_logs), (SELECT count() FROM otel_traces), (SELECT count() FROM session_state),"
    " (SELECT sum(tokens_in + tokens_out) FROM unified_logs), (SELECT sum(cost) FROM unified_logs), (SELECT sum(cost) FROM cascade_sessions),"
    " (SELECT count() FROM otel_logs)"
)
# What stands in every row, in an order of its own.
WHOLE = (
    "SELECT trace_id, span_id, session_id, caller_id, caller_source, tokens_in, tokens_out, cost, name FROM unified_logs ORDER BY ALL",
    "SELECT * FROM session_state ORDER BY ALL",
    "SELECT * FROM cascade_sessions ORDER BY ALL",
    "SELECT * FROM callers ORDER BY ALL",
    "SELECT TraceId, SpanId, session_id, caller_id, SpanName FROM otel_traces ORDER BY ALL",
    "SELECT Timestamp, Body, session_id, record_hash FROM otel_logs ORDER BY ALL",
)


@dataclass(frozen=True)
class Seen:
    """What a store says: rows, spans, sessions, tokens, dollars of rows and of sessions, log records; and how many rows break a rule."""

    rows: int
    spans: int
    sessions: int
    tokens: int
    dollars: float
    dollars_of_sessions: float
    records: int
    findings: int


@dataclass(frozen=True)
class Step:
    """One line of the table. `alike`: every row, session and audit is that of one store; else only `note` is claimed."""

    title: str
    seen: Seen
    alone: Seen
    alike: bool
    note: str
    # Audits of which the answer is another one, where it is not alike.
    differ: tuple[str, ...] = ()


def spans_of(first: int, sessions: int) -> list[SpanRecord]:
    """Sessions of eight callers with three rows each, one with a usage; each tenth has a straggler without a caller; and callers' root spans."""
    found: list[SpanRecord] = []
    number = first * 10
    for index in range(first, first + sessions):
        caller, session = f"sql-caller-{index % 8}", f"session-{index}"
        found += [
            row(number, session, caller, rvbbit__kind="session", rvbbit__session__event="start"),
            row(
                number + 1,
                session,
                caller,
                rvbbit__kind="llm",
                rvbbit__usage__counted=True,
                rvbbit__usage__cost=0.25,
                gen_ai__usage__input_tokens=100 + index,
            ),
            row(
                number + 2,
                session,
                caller,
                rvbbit__kind="cascade",
                rvbbit__cascade__id="c",
                rvbbit__session__event="end",
            ),
        ]
        if index % 10 == 0:
            found.append(row(number + 3, session, ""))
        # What names no session, and costs money: its trace stands for one.
        if index % 7 == 0:
            found.append(
                SpanRecord(number + 4, {"rvbbit.caller.id": caller, "gen_ai.usage.input_tokens": 7}, name="lone")
            )
        if index % 8 == 0:
            root = {
                "rvbbit.caller.id": f"sql-caller-{index // 8 % 8}",
                "rvbbit.kind": "caller",
                "rvbbit.caller.origin": "sql",
            }
            found.append(SpanRecord(number + 5, root))
        number += 10
    return [
        replace(span, at=NOW - 86_400 * 10**9 * (span.number // 10 % 3) + span.number * 1_000_000) for span in found
    ]


class Week:
    """The cluster, the gateways in front of it, and one store beside it."""

    def __init__(self, folder: Path, sessions: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.sessions = sessions
        self.stack = ExitStack()
        self.folder = folder
        door = self.stack.enter_context(running_engine(folder / "door"))
        self.alone: EngineProcess = self.stack.enter_context(running_engine(folder / "alone"))
        for process in (door, self.alone):
            process.command(f"CREATE DATABASE IF NOT EXISTS {FRONT}")
        door.command("SYSTEM STOP MERGES")
        self.alone = self.alone.at(FRONT)
        migrations.apply(self.alone)
        self.simulation = Simulation(folder, door, [], {"two": [1, 2], "three": [1, 2, 3]})
        self.name = "two"
        self.sent: list[SpanRecord] = []
        self.lines: list[str] = []
        self.started = 0

    def close(self) -> None:
        for machine in self.simulation.machines:
            if machine.alive:
                machine.stop()
        self.stack.close()

    def node(self, shard: int, replica: int) -> Machine:
        return next(each for each in self.simulation.machines if (each.shard, each.replica) == (shard, replica))

    def add(self, shard: int, replica: int) -> Machine:
        machine = Machine(shard, replica, self.folder / f"{shard}-{replica}")
        self.simulation.join(machine)
        return machine

    def gateways(self, spans: list[SpanRecord], batches: int, *, again: bool = False) -> int:
        """Send these spans in so many batches; what is refused is sent again by another gateway in another grouping. How many tries failed."""
        self.random.shuffle(spans)
        waiting = [spans[start::batches] for start in range(batches)]
        failed = 0
        while waiting:
            batch = waiting.pop(0)
            try:
                self.simulation.send("traces", traces(*batch))
            except NoReplicaAnswers:
                failed += 1
                for machine in self.simulation.machines:
                    if not machine.alive:
                        self.simulation.join(machine)
                waiting += [batch[::2], batch[1::2]]
        if not again:
            self.sent += spans
            self._insert(traces_insert(), traces(*spans))
        return failed

    def fresh(self, batches: int = 4, share: float = 1.0) -> list[SpanRecord]:
        """New sessions, sent."""
        count = max(10, int(self.sessions * share))
        spans = spans_of(self.started, count)
        self.started += count
        self.gateways(list(spans), batches)
        return spans

    def records(self) -> None:
        bodies: list[tuple[str, dict[str, object]]] = [
            (f"line {index}", {"session.id": f"session-{index}"} if index % 2 else {}) for index in range(self.sessions)
        ]
        self.simulation.send("logs", logs(bodies))  # type: ignore[arg-type]
        self.simulation.send("logs", logs(bodies[::3]))  # type: ignore[arg-type]
        self._insert(logs_insert(), logs(bodies))  # type: ignore[arg-type]

    def resend(self, share: int = 2, batches: int = 3) -> None:
        self.gateways(self.sent[::share], batches, again=True)

    def _insert(self, insert: str, body: bytes) -> None:
        file = self.folder / "alone.bin"
        file.write_bytes(body)
        into, settings = insert.split(" SETTINGS ")
        self.alone.command(f"{into} FROM INFILE '{file}' SETTINGS {settings} FORMAT ProtobufSingle")

    def look(self, title: str, note: str = "as one store") -> Step:
        """Ask both stores everything."""
        self.simulation.refresh(FRONT, KEPT)
        front = self.simulation.door.at(FRONT)
        seen, alone = self._seen(front), self._seen(self.alone)
        found, wanted = _audits(front), _audits(self.alone)
        differ = [name for name, rows in wanted.items() if found[name] != rows]
        differ += [sql for sql in WHOLE if front.rows(sql) != self.alone.rows(sql)]
        return Step(title, seen, alone, seen == alone and not differ, note, tuple(differ))

    def _seen(self, store: EngineProcess) -> Seen:
        (totals,) = store.rows(TOTALS)
        rows, spans, sessions, tokens, dollars, of_sessions, records = totals
        findings = sum(len(rows) for name, rows in _audits(store).items() if name in RULES)
        whole = (int(str(each)) for each in (rows, spans, sessions, tokens))
        return Seen(*whole, float(str(dollars)), float(str(of_sessions)), int(str(records)), findings)


RULES = frozenset(audit.name for audit in load_audits() if audit.is_rule)


def _audits(store: EngineProcess) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for audit in load_audits():
        values = {parameter.name: parameter.default for parameter in audit.parameters}
        # What a node says of its own parts and times is no answer about rows.
        if audit.name not in ("parts-set-aside",):
            found[audit.name] = sorted(store.query(audit.sql.rstrip(";"), values).rows, key=repr)
    return found


def week(folder: Path, sessions: int, seed: int) -> Iterator[Step]:
    """Each step, when it is over."""
    this = Week(folder, sessions, seed)
    simulation = this.simulation
    try:
        for place in ((1, 1), (1, 2), (2, 1), (2, 2)):
            this.add(*place)
        cluster = simulation.over("two")
        migrations.apply(cluster.front, cluster=cluster)

        first = this.fresh()
        this.records()
        simulation.replicate()
        yield this.look("two shards of two replicas; two gateways deal all out")
        this.resend()
        yield this.look("half of it sent again, in other groupings")

        simulation.lagging = {"node-1-2", "node-2-2"}
        this.fresh()
        this.resend()
        yield this.look("the second replicas lag; new spans, and half of all again, to the first ones")

        this.node(1, 1).stop(kill=True)
        yield this.look(
            "the first replica of shard 1 is killed while the second lags", "rows are away with it, none is twice"
        )
        this.resend()
        yield this.look("half of all is sent again to the second replica", "some of what was away is there again")
        simulation.join(this.node(1, 1))
        simulation.lagging = set()
        simulation.replicate()
        yield this.look("the first replica is back, and both have fetched", "what both took is twice until a merge")
        simulation.merge()
        yield this.look("and merged")

        simulation.pick = 1
        this.resend(1)
        simulation.pick = 0
        simulation.replicate()
        yield this.look("all sent again to the second replicas, which do not lag")

        simulation.quorum = True
        this.fresh(share=0.5)
        this.node(2, 1).stop(kill=True)
        this.resend()
        yield this.look("inserts wait for every replica; the first of shard 2 is killed, and half of all is sent again")
        simulation.quorum = False
        simulation.join(this.node(2, 1))
        simulation.replicate()
        this.fresh(share=0.5)
        for replica in (1, 2):
            if this.node(1, replica).alive:
                this.node(1, replica).stop(kill=True)
        failed = this.gateways(spans_of(this.started, 10), 2)
        this.started += 10
        assert failed, "a shard without replicas took an insert"
        simulation.replicate()
        yield this.look("no replica of shard 1 answers: refused, sent again when they are back", "as one store")

        third = this.add(1, 3)
        make_missing(cluster)
        copy_whole(simulation, this.node(1, 1), third)
        this.node(1, 1).stop()
        this.resend()
        yield this.look("a third replica joins shard 1, and the first one leaves")
        simulation.machines.remove(this.node(1, 1))

        for place in ((3, 1), (3, 2)):
            this.add(*place)
        make_missing(simulation.over("three"))
        this.resend()
        yield this.look("a third shard's nodes join, with tables and no rows")
        yield from reshard(this, "two", "three")
        this.resend(1)
        simulation.replicate()
        yield this.look("all sent again over three shards")
        this.fresh()
        yield from reshard(this, "three", "two")
        this.resend(1)
        simulation.replicate()
        yield this.look("a shard has left; all sent again over two")
        assert first
    finally:
        this.close()


def copy_whole(simulation: Simulation, source: Machine, target: Machine) -> None:
    """What Keeper has a new replica do first: fetch all that the others have."""
    for table in KEPT:
        simulation.carry(
            source.at("rvbbit_shard"),
            f"SELECT * FROM {table}",
            target.at("rvbbit_shard"),
            table,
            "SETTINGS optimize_on_insert = 0",
        )
    simulation.settle_names()


def reshard(this: Week, old: str, new: str) -> Iterator[Step]:
    """Deal out again, with questions at every step that it tells of."""
    simulation = this.simulation
    steps: list[Step] = []

    def say(text: str) -> None:
        # Spans that come meanwhile: until the landing tables are closed they are taken.
        if text == "copied unified_logs":
            this.fresh(2, share=0.2)
        if "copied" not in text:
            steps.append(this.look(f"reshard {old} to {new}: {text}"))

    run = Reshard(simulation.over(old), simulation.over(new), FrontDatabase(simulation, FRONT + DEALT), say)
    run.run()
    yield from steps
    yield this.look(f"reshard {old} to {new}: done")
