"""What several spans tell of the same calls adds up to the same, in whatever order and batches they come (ADR 47).

The books of a stub say what each world of calls used; a world is told by spans of several conventions. All variants of
all cases are in one store, each with traces, sessions and ids of its own, so the n-th batches of all are one insert.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tests.conftest import Store
from tests.integration.storage.test_one_call_once import AGENT, Told, priced
from tests.support.otlp import Value

NANO = Decimal("0.000000001")
# Tokens in and out, dollars.
Books = tuple[int, int, Decimal]
_TRACES = 100  # A variant may have so many.


@dataclass(frozen=True)
class Variant:
    """Spans in batches, and what they have to add up to."""

    name: str
    batches: Sequence[Sequence[Told]]
    books: Books


def by_table(tokens_in: int, tokens_out: int) -> Books:
    """Calls that nobody states a price of."""
    return tokens_in, tokens_out, (tokens_in + tokens_out) * NANO


def told_of(response_id: str, **more: Value) -> dict[str, Value]:
    return {"gen_ai.response.id": response_id, **more}


def late(told: Told, seconds: float) -> Told:
    """The same by a clock that is wrong."""
    return replace(told, start=told.start + seconds, end=told.end + seconds)


OWN: dict[str, Value] = {"rvbbit.kind": "log", "rvbbit.usage.counted": True}
AWAITED: dict[str, Value] = {**OWN, "rvbbit.usage.cost_awaited": True}
CLIENT = Told("client", "openai", 1, 3)
GATEWAY = Told("gateway", "proxy", 1.2, 2.8, within="client", service="gateway")
APART = replace(GATEWAY, within=None, caller="", session=None, trace=9)
LONG = "chatcmpl-A7f3kD9sWq2LmN8x"
CALLS = [
    Told("try-1", "client", 1, 2, within="agent"),
    Told("try-2", "client", 3, 4, within="agent"),
    Told("guard", "client", 5, 6, (30, 5), within="agent"),
]

CASES: dict[str, tuple[list[Told], Books]] = {
    "two ids are two calls": (
        [replace(CLIENT, more=told_of("id-one")), Told("other", "langchain", 1, 3, more=told_of("id-two"))],
        by_table(200, 40),
    ),
    "two ids and a framework that tells of both": (
        [
            replace(CLIENT, more=told_of("id-one")),
            Told("other", "bedrock", 1, 3, more=told_of("id-two")),
            Told("fw-1", "fw", 1, 3),
            Told("fw-2", "fw", 1, 3),
        ],
        by_table(200, 40),
    ),
    "two ids, one of which two tell of": (
        [
            replace(CLIENT, more=told_of(LONG)),
            Told("other", "bedrock", 1, 3, more=told_of("id-two")),
            replace(APART, more=told_of(LONG)),
        ],
        by_table(200, 40),
    ),
    "one that has an id and one that has none are one": (
        [replace(CLIENT, more=told_of(LONG)), Told("other", "langchain", 1, 3)],
        by_table(100, 20),
    ),
    "a gateway that is late, by its id": (
        [replace(CLIENT, more=told_of(LONG)), late(replace(APART, more=told_of(LONG)), 35)],
        by_table(100, 20),
    ),
    "a gateway that is early, by a short id": (
        [replace(CLIENT, more=told_of("r1")), late(replace(APART, more=told_of("r1")), -35)],
        by_table(100, 20),
    ),
    "a gateway that is hours away, by its id": (
        [replace(CLIENT, more=told_of(LONG)), late(replace(APART, more=told_of(LONG)), 9000)],
        by_table(100, 20),
    ),
    "a gateway that is late, by its parent": ([CLIENT, late(GATEWAY, 35)], by_table(100, 20)),
    "a gateway that saw the whole of a stream, of which its client saw the begin": (
        [replace(CLIENT, tokens=(100, 1), more=told_of(LONG)), late(replace(APART, more=told_of(LONG)), 35)],
        by_table(100, 20),
    ),
    "an agent that knows of no retry and no guardrail": ([replace(AGENT, tokens=(100, 20)), *CALLS], by_table(230, 45)),
    "an agent that knows of more than was told": ([replace(AGENT, tokens=(300, 50)), *CALLS], by_table(300, 50)),
    "an agent that knows of more in, and of less out": ([replace(AGENT, tokens=(300, 10)), *CALLS], by_table(300, 45)),
    "agents in an agent": (
        [
            replace(AGENT, name="outer", tokens=(120, 20)),
            replace(AGENT, start=0.1, tokens=(150, 30), within="outer"),
            CALLS[0],
        ],
        by_table(150, 30),
    ),
    "a framework's and a runner's row of one call, in an agent that knows of another": (
        [replace(AGENT, tokens=(150, 30)), CALLS[0], Told("row", "rvbbit_otel", 2.1, 2.1, within="agent", more=OWN)],
        by_table(150, 30),
    ),
    "a call that is told of in the agent's trace and in another": (
        [AGENT, CALLS[0], Told("apart", "openai", 1.1, 1.9, trace=9)],
        by_table(100, 20),
    ),
    "a stated price of nothing": ([replace(CLIENT, cost=0)], (100, 20, Decimal(0))),
    "a stated price of nothing, of a call that two tell of": (
        [replace(CLIENT, cost=0), Told("fw", "fw", 0.9, 3.1)],
        (100, 20, Decimal(0)),
    ),
    "a table of another's that does not know the model": (
        [replace(CLIENT, scope="openlit.instrumentation.openai", cost=0)],
        by_table(100, 20),
    ),
    "a price that comes late": (
        [
            replace(CLIENT, more=told_of("gen-1")),
            Told("late", "rvbbit_otel", 9, 9, None, cost=0.5, more={**OWN, **told_of("gen-1")}),
        ],
        (100, 20, Decimal("0.5")),
    ),
    "a price that a runner awaits, of a call that somebody else tells of without its id": (
        [
            CLIENT,
            Told("row", "rvbbit_otel", 3.1, 3.1, more={**AWAITED, **told_of("gen-1")}),
            Told("late", "rvbbit_otel", 9, 9, None, cost=0.5, more={**OWN, **told_of("gen-1")}),
        ],
        (100, 20, Decimal("0.5")),
    ),
    "a price that an agent states": ([replace(AGENT, tokens=None, cost=0.5), CALLS[0]], (100, 20, Decimal("0.5"))),
    "a price that a span in the call states": (
        [CLIENT, Told("price", "billing", 2, 2.1, None, cost=0.00000002, within="client")],
        (100, 20, Decimal("0.00000002")),
    ),
    "a short id": ([replace(CLIENT, more=told_of("r1")), replace(APART, more=told_of("r1"))], by_table(100, 20)),
    "a short id that two calls of a scope have": (
        [replace(CLIENT, more=told_of("0")), replace(CLIENT, name="second", tokens=(7, 7), more=told_of("0"))],
        by_table(107, 27),
    ),
}


AGAIN = late(replace(CLIENT, name="again"), 35)
# As far off as lies between two calls that are alike: the client's span has to come with the gateway's, or before.
LATE_BY_A_CALL = {
    "each gateway": (
        [[CLIENT, late(GATEWAY, 35)], [AGAIN, late(replace(GATEWAY, name="more", within="again"), 70)]],
        by_table(200, 40),
    ),
    "one gateway": ([[CLIENT, late(GATEWAY, 35)], [AGAIN]], by_table(200, 40)),
}


def orders(name: str, spans: list[Told], books: Books) -> list[Variant]:
    """In every order, in one batch and each span in one of its own, and in two."""
    found = []
    for order in itertools.permutations(spans):
        cuts: list[list[Sequence[Told]]] = [[order], [[span] for span in order], [order[:2], order[2:]]]
        found += [Variant(name, cut, books) for cut in cuts[: len(order)] if is_linked(cut)]
    return found


def is_linked(batches: Sequence[Sequence[Told]]) -> bool:
    """Whether no span comes after one in it and one around it: nobody can tell before that these are of one call."""
    within = {span.name: span.within for batch in batches for span in batch}
    turns = {span.name: turn for turn, batch in enumerate(batches) for span in batch}
    for name, between in within.items():
        around = within.get(between) if between else None
        while between and around:
            if turns[between] > max(turns[name], turns[around]):
                return False
            around = within[around]
    return True


def apart(span: Told, number: int) -> Told:
    """The span of one variant, which shares nothing with those of others."""
    response = span.more.get("gen_ai.response.id")
    return replace(
        span,
        trace=number * _TRACES + span.trace,
        caller=span.caller and f"{span.caller}-{number}",
        session=span.session and f"{span.session}-{number}",
        more={**span.more, "gen_ai.response.id": f"{response!s}.{number}"} if response else span.more,
    )


def stored(store: Store, variants: Sequence[Variant]) -> list[Books]:
    """What the store says that each of them used."""
    for turn in itertools.zip_longest(*(variant.batches for variant in variants), fillvalue=()):
        store.send(b"".join(apart(span, number).body() for number, batch in enumerate(turn) for span in batch))
    found: dict[int, Books] = {}
    for number, *used in store.rows(
        f"SELECT intDiv(reinterpretAsUInt64(reverse(unhex(substring(trace_id, 17)))), {_TRACES}) AS number, "
        "sum(tokens_in), sum(tokens_out), toString(sum(cost)) FROM unified_logs GROUP BY number"
    ):
        found[int(str(number))] = (int(str(used[0])), int(str(used[1])), Decimal(str(used[2])))
    return [found[number] for number in range(len(variants))]


def wrong(variants: Sequence[Variant], found: Sequence[Books]) -> list[str]:
    return [
        f"{variant.name}: {[[span.name for span in batch] for batch in variant.batches]} gives {used}, not {variant.books}"
        for variant, used in zip(variants, found, strict=True)
        if used != variant.books
    ]


def test_what_is_told_of_a_call_adds_up_to_it_in_every_order(store: Store) -> None:
    priced(store)
    variants = [each for name, (spans, books) in CASES.items() for each in orders(name, spans, books)]
    for name, (pairs, books) in LATE_BY_A_CALL.items():
        for order in (pairs, pairs[::-1]):
            variants += [Variant(name, order, books), Variant(name, [[span for pair in order for span in pair]], books)]
            variants.append(Variant(name, [[span] for pair in order for span in pair], books))
    assert len(variants) > 400
    assert wrong(variants, stored(store, variants)) == []


def test_random_worlds_of_calls_add_up_to_the_books_of_the_stub(store: Store) -> None:
    priced(store)
    variants = [world(seed) for seed in range(200)]
    assert len({variant.books for variant in variants}) > 100
    assert wrong(variants, stored(store, variants)) == []


def test_runs_at_once_whose_agents_tell_what_their_last_calls_told_are_as_many_as_they_are(store: Store) -> None:
    # As google-adk's: an agent's span tells no sum. All runs ask the same, so each of their numbers stands there several times, at one time
    # and in one trace.
    priced(store)
    variants = [runs_at_once(seed) for seed in range(120)]
    assert wrong(variants, stored(store, variants)) == []


def runs_at_once(seed: int) -> Variant:
    """Up to four runs in one trace: an agent, and two calls that a runner tells of; in random batches and orders; some send the first batch again."""
    chance = random.Random(seed)
    count = chance.choice([1, 2, 2, 3, 4])
    spans = [
        span
        for number in range(count)
        for span in a_run(number, chance.choice([0, 0.01, 0.5, 1.1]), chance.choice([1, 2.25]))
    ]
    chance.shuffle(spans)
    cuts = sorted({0, len(spans), *chance.sample(range(1, len(spans)), chance.choice([0, 1, 2]))})
    batches = [spans[a:b] for a, b in itertools.pairwise(cuts)]
    return Variant(f"runs {seed}", batches + batches[: chance.choice([0, 1])], by_table(116 * count, 9 * count))


def a_run(number: int, at: float, second: float) -> list[Told]:
    """`second`: when its second call begins, seconds after it."""
    session, agent = f"run-{number}", f"ag{number}"
    ours: dict[str, Value] = {"rvbbit.kind": "llm", "rvbbit.usage.counted": True}
    return [
        Told(agent, "adk", at, at + 2.3, (68, 2), more={"gen_ai.operation.name": "invoke_agent"}, session=session),
        Told(f"ca{number}", "rvbbit_otel", at + 0.1, at + second, (48, 7), agent, more=ours, session=session),
        Told(f"cb{number}", "rvbbit_otel", at + second, at + 2.29, (68, 2), agent, more=ours, session=session),
    ]


def world(seed: int) -> Variant:
    """Calls in agents in agents, each told of by up to four conventions; retries; gateways with clocks of their own; in random batches and orders."""
    return World(random.Random(seed), f"world {seed}").told()


def is_known(batches: Sequence[Sequence[Told]]) -> bool:
    """Whether no gateway in a trace of its own comes before all who tell of its call in the trace of the agents, which may tell its tokens, too."""
    turns: dict[object, tuple[list[int], list[int]]] = {}
    for turn, batch in enumerate(batches):
        for span in batch:
            if "gen_ai.response.id" in span.more:
                turns.setdefault(span.more["gen_ai.response.id"], ([], []))[span.trace == 9].append(turn)
    return all(min(with_it) <= min(alone) for with_it, alone in turns.values() if alone and with_it)


class World:
    """One of them.

    Calls at one time have different tokens, ids that all who tell of them know, or are told of by the same scopes: else
    nobody could tell. A runner's row has no length, so in its sessions calls differ in tokens, and nothing retries.
    """

    def __init__(self, chance: random.Random, name: str) -> None:
        self.chance, self.name = chance, name
        self.spans: list[Told] = []
        self.used = [0, 0]
        self.numbers = itertools.count()
        self.scopes = chance.sample(["fw", "client", "gateway", "row"], chance.choice([1, 2, 2, 3, 4]))
        self.ids = chance.choice(["", "", "r", "chatcmpl-0123456789abcdef-"])
        self.alike = "row" not in self.scopes and chance.random() < 0.5
        # As far from each other as alike calls are, nobody could tell whose gateway's is whose before its client's span comes.
        self.offset = chance.choice([0] if self.ids == "r" else [0, 0, 7200] if self.alike else [0, 0, 35, -35, 7200])
        self.states = chance.choice(["", "", *self.scopes])
        self.agents_state = self.states not in ("", "gateway") and chance.random() < 0.5
        self.at = 0.0

    def told(self) -> Variant:
        for _ in range(self.chance.choice([1, 1, 2])):
            self.agent(None, self.chance.choice([0, 1, 2]))
        size = len(self.spans)
        while True:
            self.chance.shuffle(self.spans)
            cuts = self.chance.sample(range(1, size + 1), min(size, self.chance.choice([1, 2, 4])))
            batches = [self.spans[a:b] for a, b in itertools.pairwise(sorted({0, *cuts, size}))]
            if is_linked(batches) and is_known(batches):
                break
        dollars = sum(self.used) * NANO * (2 if self.states else 1)
        return Variant(self.name, batches, (self.used[0], self.used[1], dollars))

    def new(self, what: str) -> str:
        return f"{what[:3]}{next(self.numbers):03}"

    def agent(self, within: str | None, depth: int) -> None:
        """A span that adds up what is in it, or tells nothing."""
        self.at += 0.001
        name, before, begin = self.new("agent"), list(self.used), self.at
        for _ in range(self.chance.choice([1, 2, 3])):
            if depth and self.chance.random() < 0.4:
                self.agent(name, depth - 1)
            elif "row" not in self.scopes and self.chance.random() < 0.2:
                self.retried(name)
            else:
                self.call(name, self.tokens())
        tokens = (self.used[0] - before[0], self.used[1] - before[1])
        self.at += 0.001
        speaks = self.chance.random() < 0.6
        more: dict[str, Value] = {"gen_ai.operation.name": "invoke_agent"}
        cost = float(sum(tokens) * NANO * 2) if self.agents_state and speaks else None
        self.spans.append(Told(name, "fw", begin, self.at, tokens if speaks else None, within, cost, more))

    def tokens(self) -> tuple[int, int]:
        number = next(self.numbers)
        return (10, 3) if self.alike else (10 + number, 3)

    def retried(self, within: str) -> None:
        """A wrapper that tells what its last try used."""
        name, tokens, begin = self.new("retry"), self.tokens(), self.at
        for _ in range(2):
            self.call(name, tokens)
        self.spans.append(Told(name, "retries", begin, self.at + 0.01, tokens, within))

    def call(self, within: str, tokens: tuple[int, int]) -> None:
        self.at += 0.1
        begin, self.at = self.at, self.at + 1
        self.used[0] += tokens[0]
        self.used[1] += tokens[1]
        number = next(self.numbers)
        more = told_of(f"{self.ids}{number}") if self.ids else {}
        parent = within
        for scope, shift in (("fw", 0.0), ("client", 0.1), ("gateway", 0.2)):
            if scope not in self.scopes:
                continue
            cost = float(sum(tokens) * NANO * 2) if self.states == scope else None
            span = Told(self.new(scope), f"{scope}s", begin + shift, self.at - shift, tokens, parent, cost, more)
            if scope == "gateway":
                span = replace(late(span, self.offset), service="gateway")
                if self.ids.startswith("chat") and self.chance.random() < 0.5 and len(self.scopes) > 1:
                    span = replace(span, within=None, trace=9, caller="", session=None)
            self.spans.append(span)
            parent = span.name
        if "row" in self.scopes:
            cost = float(sum(tokens) * NANO * 2) if self.states == "row" else None
            self.spans.append(
                Told(self.new("row"), "rvbbit_otel", self.at, self.at, tokens, within, cost, {**OWN, **more})
            )
