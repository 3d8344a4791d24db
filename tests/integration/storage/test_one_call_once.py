"""One call to a model is counted once, whoever tells of it, and in whatever order that comes in (ADR 17)."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, traces

from rvbbit_otel.storage.prices import PUT

SECOND = 10**9
TOTAL = "SELECT caller_id, sum(tokens_in), sum(tokens_out), toString(sum(cost)) FROM unified_logs GROUP BY caller_id ORDER BY caller_id"
COUNTED = "SELECT name, tokens_in, tokens_out, toString(cost), cost_source FROM unified_logs WHERE usage_counted ORDER BY name"


@dataclass(frozen=True)
class Told:
    """A span of `scope` from second `start` to `end`, inside the one named `within`, that tells of a call."""

    name: str
    scope: str
    start: float
    end: float
    tokens: tuple[int, int] | None = (100, 20)
    within: str | None = None
    cost: float | None = None
    more: dict[str, Value] = field(default_factory=dict)
    caller: str = "web-1"
    session: str | None = "run-1"
    trace: int = 7
    service: str = "app"

    def body(self) -> bytes:
        attributes: dict[str, Value] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"}
        if self.caller:
            attributes |= {"rvbbit.caller.id": self.caller, "rvbbit.caller.source": "explicit"}
        if self.session:
            attributes["session.id"] = self.session
        if self.tokens:
            attributes |= {"gen_ai.usage.input_tokens": self.tokens[0], "gen_ai.usage.output_tokens": self.tokens[1]}
        if self.cost is not None:
            attributes["gen_ai.usage.cost"] = self.cost
        record = SpanRecord(
            0,
            {**attributes, **self.more},
            name=self.name,
            at=NOW + int(self.start * SECOND),
            took=int((self.end - self.start) * SECOND),
            trace=self.trace.to_bytes(16, "big"),
            span=ident(self.name),
            parent=ident(self.within) if self.within else b"",
        )
        return traces(record, service=self.service, scope_name=self.scope)


def ident(name: str) -> bytes:
    return name.encode().ljust(8, b"_")[:8]


def sent(store: Store, *batches: list[Told]) -> list[tuple[object, ...]]:
    store.send(*(b"".join(span.body() for span in batch) for batch in batches))
    return store.rows(TOTAL)


def priced(store: Store) -> None:
    """The price table knows the model of these calls: 1e-9 dollars a token."""
    rates = "[(1,0,0,86400,0,1000,1000,1000,1000,1000,1000,1000,'mine')]"
    store.engine.command(PUT, {"provider": "", "model": "m-1", "rates": rates})


AGENT = Told("agent", "fw", 0, 9, within=None, more={"gen_ai.operation.name": "invoke_agent"})
BY_FRAMEWORK = Told("chat-fw", "fw", 1, 3, within="agent")
BY_CLIENT = Told("chat-cl", "client", 1.5, 2.5, within="chat-fw")
HTTP = Told("http", "http", 1.6, 2.4, tokens=None, within="chat-cl", more={"gen_ai.operation.name": ""})


@pytest.mark.parametrize("order", list(itertools.permutations([AGENT, BY_FRAMEWORK, BY_CLIENT])), ids=str)
@pytest.mark.parametrize("batches", [1, 3])
def test_an_agent_a_framework_and_a_client_tell_of_one_call(
    store: Store, order: tuple[Told, ...], batches: int
) -> None:
    spans = [list(order)] if batches == 1 else [[span] for span in order]
    assert sent(store, *spans) == [("web-1", 100, 20, "0")]
    assert store.one("SELECT sum(tokens_in) FROM cascade_sessions") == 0  # No cascade ran.
    assert store.rows("SELECT countIf(usage_counted), sum(told_tokens_in) FROM unified_logs") == [(1, 300)]


def test_what_is_counted_is_the_innermost_call(store: Store) -> None:
    sent(store, [AGENT, BY_FRAMEWORK, BY_CLIENT])
    assert store.rows(COUNTED) == [("chat-cl", 100, 20, "0", "unpriced")]


@pytest.mark.parametrize("batches", [1, 5])
def test_an_agents_sum_does_not_count_beside_its_calls_through_spans_that_tell_nothing(
    store: Store, batches: int
) -> None:
    calls = [
        Told(f"chat-{number}", "client", 1 + number, 1.5 + number, (10 * number + 1, number), within="tool")
        for number in range(3)
    ]
    agent = Told("agent", "fw", 0, 9, (33, 3), more={"gen_ai.operation.name": "invoke_agent"})
    tool = Told("tool", "fw", 0.5, 8, tokens=None, within="agent")
    spans = [*calls, tool, agent]
    assert sent(store, *([spans] if batches == 1 else [[span] for span in spans])) == [("web-1", 33, 3, "0")]
    assert [row[0] for row in store.rows(COUNTED)] == ["chat-0", "chat-1", "chat-2"]


@pytest.mark.parametrize("batches", [1, 2])
def test_an_agent_that_knows_of_calls_that_nobody_told_counts_them(store: Store, batches: int) -> None:
    agent, call = Told("agent", "fw", 0, 9, (150, 30)), Told("chat", "client", 1, 2, (100, 20), within="agent")
    assert sent(store, *([[call, agent]] if batches == 1 else [[call], [agent]])) == [("web-1", 150, 30, "0")]


def test_a_client_that_saw_only_the_begin_of_a_stream_does_not_hide_the_rest(store: Store) -> None:
    inner = Told("inner", "client", 1, 2, (100, 1), within="outer")
    assert sent(store, [inner, Told("outer", "fw", 0, 3, (100, 20))]) == [("web-1", 100, 20, "0")]


@pytest.mark.parametrize("batches", [1, 2])
def test_two_instrumentations_beside_each_other_with_no_span_in_common(store: Store, batches: int) -> None:
    first = Told("one", "langchain", 1, 3, trace=1)
    second = Told("two", "openai", 1.5, 2.5, trace=2)
    assert sent(store, *([[first, second]] if batches == 1 else [[second], [first]])) == [("web-1", 100, 20, "0")]


def test_calls_that_are_alike_are_as_many_as_the_one_who_tells_most_of_them(store: Store) -> None:
    by_framework = [Told(f"fw-{n}", "fw", 1 + n / 10, 3, trace=10 + n) for n in range(4)]
    by_client = [Told(f"cl-{n}", "client", 1.05 + n / 10, 2.9, trace=20 + n) for n in range(3)]
    assert sent(store, by_framework + by_client) == [("web-1", 400, 80, "0")]


def test_calls_that_are_alike_and_come_one_after_another_all_count(store: Store) -> None:
    by_one = [Told(f"a-{n}", "one", n, n + 0.4) for n in range(3)]
    by_other = [Told(f"b-{n}", "other", n + 0.5, n + 0.9) for n in range(3)]
    assert sent(store, by_one + by_other) == [("web-1", 600, 120, "0")]


def test_calls_of_one_instrumentation_at_once_all_count(store: Store) -> None:
    spans = [Told(f"chat-{n}", "client", 1, 2, within="agent") for n in range(5)]
    assert sent(store, spans) == [("web-1", 500, 100, "0")]


def test_callers_whose_calls_are_alike_keep_each_their_own(store: Store) -> None:
    spans = []
    for number, order in enumerate(itertools.islice(itertools.permutations(range(4)), 6)):
        for place in order:
            who = {"caller": f"web-{place}", "session": f"run-{place}", "trace": 100 * number + place + 1}
            spans += [
                Told(f"f{number}{place}", "fw", 10 * number + 1, 10 * number + 3, **who),  # type: ignore[arg-type]
                Told(f"c{number}{place}", "client", 10 * number + 1, 10 * number + 3, **who),  # type: ignore[arg-type]
            ]
    assert sent(store, spans) == [(f"web-{place}", 600, 120, "0") for place in range(4)]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_gateway_in_a_trace_of_its_own_is_known_by_the_response(store: Store, batches: int) -> None:
    response: dict[str, Value] = {"gen_ai.response.id": "chatcmpl-A7f3"}
    client = Told("client", "openai", 1, 3, more=response)
    gateway = Told("gateway", "proxy", 1.2, 2.8, more=response, caller="", session=None, trace=9, service="gateway")
    assert sent(store, *([[client, gateway]] if batches == 1 else [[gateway], [client]])) in (
        [("", 0, 0, "0"), ("web-1", 100, 20, "0")],
        [("", 100, 20, "0"), ("web-1", 0, 0, "0")],  # Who came first is counted already.
    )


def test_a_gateway_that_comes_with_its_client_leaves_the_call_to_whom_it_is_known(store: Store) -> None:
    response: dict[str, Value] = {"gen_ai.response.id": "chatcmpl-A7f3"}
    client = Told("client", "zzz", 1, 3, more=response)
    gateway = Told("gateway", "aaa", 1.2, 2.8, more=response, caller="", session=None, trace=9, service="aaa")
    assert sent(store, [client, gateway]) == [("", 0, 0, "0"), ("web-1", 100, 20, "0")]


def test_a_gateway_that_states_a_price_leaves_the_tokens_to_whom_they_are_known(store: Store) -> None:
    client = Told("client", "openai", 1, 3)
    gateway = Told("gateway", "proxy", 1.2, 2.8, within="client", caller="", session=None, service="gateway", cost=0.02)
    assert sent(store, [client, gateway]) == [("", 0, 0, "0.02"), ("web-1", 100, 20, "0")]


def test_a_runners_own_row_is_the_one_that_counts(store: Store) -> None:
    row = Told("row", "rvbbit_otel", 2, 2, cost=0.02, more={"rvbbit.kind": "log", "rvbbit.usage.counted": True})
    call = Told("call", "openai", 1, 1.9)
    assert sent(store, [call, row]) == [("web-1", 100, 20, "0.02")]
    assert store.rows(COUNTED) == [("row", 100, 20, "0.02", "stated")]


def test_a_call_beside_a_runners_rows_counts_by_itself(store: Store) -> None:
    row = Told("row", "rvbbit_otel", 2, 2, cost=0.02, more={"rvbbit.kind": "log", "rvbbit.usage.counted": True})
    tool = Told("tool", "openai", 1, 1.9, (7, 3))
    assert sent(store, [tool, row]) == [("web-1", 107, 23, "0.02")]


@pytest.mark.parametrize("first", ["row", "call"])
def test_a_runners_own_row_and_a_call_in_batches_of_their_own_count_once(store: Store, first: str) -> None:
    row = Told("row", "rvbbit_otel", 2, 2, cost=0.02, more={"rvbbit.kind": "log", "rvbbit.usage.counted": True})
    call = Told("call", "openai", 1, 1.9)
    ((_, tokens_in, tokens_out, _),) = sent(store, *([[row], [call]] if first == "row" else [[call], [row]]))
    assert (tokens_in, tokens_out) == (100, 20)


@pytest.mark.parametrize("seed", range(12))
def test_rows_and_calls_of_many_sessions_in_one_trace_count_once_in_any_batches(store: Store, seed: int) -> None:
    """As larsql beside an instrumentation of its client: the same question in several sessions of one trace, and rows that are written late."""
    chance = random.Random(seed)
    spans = []
    for number in range(6):
        who = {"session": f"run-{number % 3}", "caller": f"web-{number % 2}"}
        begin = chance.random() * 4
        end = begin + 0.5 + chance.random()
        at = end + chance.random() * 2
        own: dict[str, Value] = {"rvbbit.kind": "log", "rvbbit.usage.counted": True}
        spans += [
            Told(f"t{number}", "openai", begin, end, (11, 1), **who),  # type: ignore[arg-type]
            Told(f"o{number}", "rvbbit_otel", at, at, (11, 1), cost=0.25, more=own, **who),  # type: ignore[arg-type]
        ]
    chance.shuffle(spans)
    cuts = sorted(chance.sample(range(1, 12), 4))
    batches = [spans[a:b] for a, b in itertools.pairwise([0, *cuts, 12])]
    assert sent(store, *batches) == [("web-0", 33, 3, "0.75"), ("web-1", 33, 3, "0.75")]


def test_a_price_that_was_computed_before_one_is_stated_makes_room_for_it(store: Store) -> None:
    priced(store)
    call = Told("call", "openai", 1, 1.9)
    row = Told("row", "rvbbit_otel", 2, 2, cost=0.00000001, more={"rvbbit.kind": "log", "rvbbit.usage.counted": True})
    assert sent(store, [call]) == [("web-1", 100, 20, "0.00000012")]
    assert sent(store, [row]) == [("web-1", 100, 20, "0.00000001")]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_stated_cost_counts_once_whoever_states_it(store: Store, batches: int) -> None:
    agent = Told("agent", "fw", 0, 9, cost=0.01)
    call = Told("chat", "client", 1, 2, within="agent")
    assert sent(store, *([[call, agent]] if batches == 1 else [[call], [agent]])) == [("web-1", 100, 20, "0.01")]


def test_a_cost_that_both_state_counts_once(store: Store) -> None:
    spans = [Told("agent", "fw", 0, 9, (200, 40), cost=0.03)] + [
        Told(f"chat-{n}", "client", 1 + n, 2 + n, within="agent", cost=0.015) for n in range(2)
    ]
    assert sent(store, spans) == [("web-1", 200, 40, "0.03")]


OWN = Told("own", "rvbbit_otel", 1, 3, more={"rvbbit.kind": "llm", "rvbbit.usage.counted": True})
BESIDE = Told("gateway", "litellm", 1.1, 2.9, cost=0.02, service="proxy")
BESIDE_TOO = Told("third", "third", 1.2, 2.8, cost=0.02)
CALLING = Told("client", "client", 0.5, 3.5)


@pytest.mark.parametrize("told", [(OWN, BESIDE), (OWN, BESIDE, BESIDE_TOO), (BESIDE, CALLING)])
@pytest.mark.parametrize("batches", [1, 3])
def test_a_price_that_only_another_states_beside_the_one_that_counts_is_the_calls(
    store: Store, told: tuple[Told, ...], batches: int
) -> None:
    """None of them lies in another, as where a gateway's own tracing hangs its call under the request; and the price table knows the model."""
    priced(store)
    everybody = []
    for number, order in enumerate(itertools.permutations(told)):
        caller = f"web-{number}"
        everybody.append((caller, 100, 20, "0.02"))
        mine = [
            replace(each, caller=caller, session=f"run-{number}", trace=100 + number, name=f"{each.name[:4]}{number}")
            for each in order
        ]
        sent(store, *(mine[at : at + -(-len(mine) // batches)] for at in range(0, len(mine), -(-len(mine) // batches))))
    assert store.rows(TOTAL) == sorted(everybody)


def test_sent_again_in_any_batches_nothing_counts_twice(store: Store) -> None:
    spans = [AGENT, BY_FRAMEWORK, BY_CLIENT, Told("more", "client", 4, 5, (7, 7), within="agent")]
    for batches in ([spans], [[span] for span in spans], [spans[2:], spans[:2]], [spans[::-1]]):
        before = sent(store, *batches)
    assert before == [("web-1", 107, 27, "0")]


def test_spans_that_lie_in_each_other_in_a_circle_end(store: Store) -> None:
    assert sent(store, [Told("a", "one", 0, 2, (5, 5), within="b"), Told("b", "two", 0, 2, (6, 6), within="a")]) == [
        ("web-1", 11, 11, "0")
    ]
    assert store.one("SELECT count() FROM unified_logs") == 2
