"""Our totals beside a provider's bill, on the real engine: one difference of each kind is planted, and found with the rows that explain it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.otlp import SpanRecord, Value, traces

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.prices import price_new
from rvbbit_otel.storage.reconcile import Reconciliation, reconcile
from rvbbit_otel.storage.usage_exports import Figures, read_exports

DAY = datetime.now(timezone.utc).date() - timedelta(days=3)
MIDNIGHT = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=timezone.utc).timestamp())
NOON = MIDNIGHT + 43_200
MODEL = "gpt-4o-2024-08-06"


def call(
    number: int,
    tokens_in: int,
    tokens_out: int,
    cost: str = "",
    *,
    model: str = MODEL,
    at: int = NOON,
    took: int = 1,
    **more: Value,
) -> SpanRecord:
    """One call, in a trace of its own."""
    said: dict[str, Value] = {
        "rvbbit.caller.id": "web-1",
        "rvbbit.caller.source": "explicit",
        "session.id": f"s{number}",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
    }
    if tokens_in or tokens_out:
        said |= {"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out}
    if cost:
        said["gen_ai.usage.cost"] = cost
    said |= {name.replace("__", "."): value for name, value in more.items()}
    return SpanRecord(
        number, {name: value for name, value in said.items() if value != ""}, at=at * 10**9, took=took * 10**9
    )


def usage(tmp_path: Path, *results: Mapping[str, object], day: int = MIDNIGHT) -> Path:
    """A page of OpenAI's usage."""
    told = [{"object": "organization.usage.completions.result", **each} for each in results]
    return page(tmp_path / "usage.json", told, day)


def costs(tmp_path: Path, *results: tuple[str, str], day: int = MIDNIGHT) -> Path:
    """A page of OpenAI's costs: line items and dollars, as numbers that are written out."""
    told = [
        {"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"}, "line_item": item}
        for item, value in results
    ]
    return page(tmp_path / "costs.json", told, day)


def page(file: Path, results: list[dict[str, object]], day: int) -> Path:
    bucket = {"object": "bucket", "start_time": day, "end_time": day + 86_400, "results": results}
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}))
    return file


def used(calls: int, tokens_in: int, tokens_out: int, model: str = MODEL, **more: object) -> dict[str, object]:
    return {"num_model_requests": calls, "input_tokens": tokens_in, "output_tokens": tokens_out, "model": model, **more}


def compared(store: Store, *files: Path, **options: object) -> Reconciliation:
    return reconcile(store.engine, read_exports(files), **options)  # type: ignore[arg-type]


def reasons(seen: Reconciliation) -> list[tuple[str, int, bool]]:
    (line,) = seen.differing
    return [(each.reason, each.rows, each.fits) for each in line.candidates]


def test_what_is_equal_is_equal_to_the_last_digit(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, 10, 4, "0.1"), call(2, 20, 5, "0.2"), call(3, 1, 1, "0.000000000001")))
    seen = compared(
        store,
        usage(tmp_path, used(3, 31, 10)),
        costs(tmp_path, (f"{MODEL}, input", "0.2"), (f"{MODEL}, output", "0.100000000001")),
    )
    assert (seen.differing, seen.by, seen.notes) == ([], ("day", "model"), ())
    (line,) = seen.lines
    assert line.ours == line.theirs == Figures(3, 31, 10, Decimal("0.300000000001"))
    # A trillionth of a dollar is a difference, and one that was allowed is none.
    more = costs(tmp_path, (MODEL, "0.300000000002"))
    assert [each.difference.cost for each in compared(store, more).differing] == [Decimal("-0.000000000001")]
    assert compared(store, more, tolerance=Decimal("0.000000000001")).differing == []


def test_calls_that_told_no_tokens_are_named(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, 10, 4), call(2, 0, 0)))
    seen = compared(store, usage(tmp_path, used(2, 15, 5)))
    (line,) = seen.differing
    assert (line.difference, reasons(seen)) == (Figures(-1, -5, -1, None), [("no-usage", 1, False)])
    (example,) = line.candidates[0].examples
    assert example.split()[2:] == ["s2", "web-1", f"{3:032x}", f"{3:016x}"]


def test_calls_that_were_told_and_not_counted_are_named_and_fit_exactly(store: Store, tmp_path: Path) -> None:
    # Two instrumentations tell alike of one call: it is counted once, and this provider says that there were two.
    trace = (7).to_bytes(16, "big")
    twins = [
        SpanRecord(each.number, each.attributes, at=each.at, took=each.took, trace=trace)
        for each in (call(1, 10, 4), call(2, 10, 4))
    ]
    store.send(
        traces(twins[0], scope_name="one")
        + traces(SpanRecord(2, {**twins[0].attributes}, at=twins[0].at, took=10**9, trace=trace), scope_name="two")
    )
    seen = compared(store, usage(tmp_path, used(2, 20, 8)))
    assert reasons(seen) == [("told-not-counted", 1, True)]
    assert compared(store, usage(tmp_path, used(1, 10, 4))).differing == []


def test_calls_that_were_counted_in_part_are_named(store: Store, tmp_path: Path) -> None:
    # The call inside came first and counts; of the one around it only what is more.
    trace = (8).to_bytes(16, "big")
    outer, inner = call(1, 100, 10, took=10), call(2, 60, 5, took=5)
    store.send(
        traces(
            SpanRecord(
                2, inner.attributes, at=inner.at + 10**9, took=inner.took, trace=trace, parent=(2).to_bytes(8, "big")
            )
        )
    )
    store.send(traces(SpanRecord(1, outer.attributes, at=outer.at, took=outer.took, trace=trace)))
    assert compared(store, usage(tmp_path, used(2, 100, 10))).differing == []
    assert reasons(compared(store, usage(tmp_path, used(2, 160, 15)))) == [("counted-in-part", 1, True)]


def test_calls_without_a_price_make_ours_a_lower_bound(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, 10, 4, "0.5"), call(2, 20, 6, model=MODEL)))
    seen = compared(store, usage(tmp_path, used(2, 30, 10)), costs(tmp_path, (MODEL, "0.75")))
    (line,) = seen.differing
    assert (line.difference, line.open_calls) == (Figures(0, 0, 0, Decimal("-0.25")), 1)
    assert [(each.reason, each.rows, each.figures.tokens_in) for each in line.candidates] == [
        ("unpriced", 1, 20),
        ("cost-stated", 1, 10),
    ]


def test_a_computed_cost_is_told_from_a_stated_one(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, 1_000_000, 0, model="gpt-4o-mini")))
    price_new(store.engine)
    # 0.15 dollars a million by the table; they gave a discount of a third.
    seen = compared(
        store, usage(tmp_path, used(1, 1_000_000, 0, "gpt-4o-mini")), costs(tmp_path, ("gpt-4o-mini, input", "0.1"))
    )
    (line,) = seen.differing
    assert line.difference == Figures(0, 0, 0, Decimal("0.05"))
    assert [(each.reason, each.figures.cost) for each in line.candidates] == [("cost-computed", Decimal("0.15"))]


def test_calls_at_midnight_are_looked_for_on_both_days(store: Store, tmp_path: Path) -> None:
    store.send(
        traces(
            call(1, 10, 4),
            call(2, 3, 1, at=MIDNIGHT - 20, took=60),  # It ends on this day, so they have it here.
            call(3, 100, 50, at=MIDNIGHT - 4000),
        )
    )
    seen = compared(store, usage(tmp_path, used(2, 13, 5)))
    assert reasons(seen) == [("edge-of-another-day", 1, True)]
    # And the other way around: it began on this day, and is on the next one there.
    store.send(traces(call(4, 7, 2, at=MIDNIGHT + 86_400 - 100)))
    assert reasons(compared(store, usage(tmp_path, used(1, 10, 4)))) == [("edge-of-this-day", 1, True)]
    assert reasons(compared(store, usage(tmp_path, used(1, 10, 4)), edge=timedelta(seconds=30))) == []


def test_a_model_that_they_do_not_list_is_named_and_so_is_one_that_never_came(store: Store, tmp_path: Path) -> None:
    store.send(
        traces(
            call(1, 10, 4),
            call(2, 5, 5, model="o3"),
            call(3, 9, 9, model="gpt-4o", gen_ai__provider__name="azure.ai.openai"),
        )
    )
    seen = compared(store, usage(tmp_path, used(1, 10, 4), used(1, 8, 8, "gpt-5")))
    assert [(line.model, line.difference, [each.reason for each in line.candidates]) for line in seen.differing] == [
        ("gpt-5", Figures(-1, -8, -8, None), []),
        ("o3", Figures(1, 5, 5, None), ["not-listed"]),
    ]
    assert compared(store, usage(tmp_path, used(1, 10, 4)), models="gpt-*").differing == []


def test_calls_of_another_provider_and_of_an_unknown_one_and_of_no_model_are_candidates(
    store: Store, tmp_path: Path
) -> None:
    store.send(traces(call(1, 10, 4), call(2, 9, 9, gen_ai__provider__name="azure.ai.openai"), call(3, 2, 2, model="")))
    seen = compared(store, usage(tmp_path, used(2, 19, 13)), models=MODEL)
    assert reasons(seen) == [("other-provider", 1, True)]
    nameless = [line for line in compared(store, usage(tmp_path, used(2, 12, 6))).differing if line.model]
    assert [(each.reason, each.fits) for each in nameless[0].candidates] == [
        ("no-model", True),
        ("other-provider", False),
    ]
    store.send(traces(call(4, 1, 1, gen_ai__provider__name="")))
    assert reasons(compared(store, usage(tmp_path, used(1, 10, 4)), models=MODEL)) == [("provider-unknown", 1, True)]


def test_tokens_of_the_cache_beside_those_that_went_in_are_a_candidate(store: Store, tmp_path: Path) -> None:
    store.send(
        traces(
            call(1, 10, 4, gen_ai__usage__cache_read__input_tokens=6),
            call(2, 10, 4, gen_ai__usage__cache_read__input_tokens=40),
        )
    )
    # Of the second they can't be among those that went in, so ours are 10 and 50.
    assert compared(store, usage(tmp_path, used(2, 60, 8))).differing == []
    assert reasons(compared(store, usage(tmp_path, used(2, 66, 8)))) == [("cache-beside", 1, True)]


def test_a_cost_that_another_row_states_is_named(store: Store, tmp_path: Path) -> None:
    # An agent's span states the cost of the call inside it, under no model.
    trace = (9).to_bytes(16, "big")
    agent = SpanRecord(
        1,
        {"session.id": "s", "rvbbit.caller.id": "web-1", "operation.cost": 0.5},
        at=NOON * 10**9,
        took=10**10,
        trace=trace,
    )
    inner = call(2, 10, 4)
    store.send(
        traces(
            agent, SpanRecord(2, inner.attributes, at=inner.at, took=10**9, trace=trace, parent=(2).to_bytes(8, "big"))
        )
    )
    seen = compared(store, usage(tmp_path, used(1, 10, 4)), costs(tmp_path, (MODEL, "0.5")))
    assert [(line.model, [each.reason for each in line.candidates]) for line in seen.differing] == [
        ("", ["cost-without-tokens"]),
        (MODEL, ["priced-elsewhere"]),
    ]


def test_names_are_compared_as_given_and_then_without_their_date(store: Store, tmp_path: Path) -> None:
    store.send(
        traces(
            call(1, 10, 4, model="gpt-4o"),
            call(2, 20, 8, model="gpt-4o-mini-2024-07-18"),
            call(3, 1, 1, model="gpt-4-0613"),
        )
    )
    seen = compared(
        store, usage(tmp_path, used(1, 10, 4), used(1, 20, 8, "gpt-4o-mini-2024-07-18"), used(1, 1, 1, "gpt-4"))
    )
    assert (seen.differing, [(line.model, line.names) for line in seen.lines]) == (
        [],
        [("gpt-4", ("gpt-4-0613",)), ("gpt-4o", (MODEL,)), ("gpt-4o-mini-2024-07-18", ())],
    )
    # Where both have the same two, each is compared with its own.
    store.send(traces(call(4, 5, 5)))
    apart = compared(store, usage(tmp_path, used(1, 10, 4, "gpt-4o"), used(1, 5, 6)), models="gpt-4o*[!i8]")
    assert [(line.model, line.difference.tokens_out) for line in apart.differing] == [(MODEL, -1)]


def test_keys_and_projects_are_compared_where_a_caller_names_one(store: Store, tmp_path: Path) -> None:
    export = usage(tmp_path, used(1, 10, 4, project_id="proj_a"), used(1, 20, 8, project_id="proj_b"))
    store.send(traces(call(1, 10, 4), call(2, 20, 8, rvbbit__caller__id="web-2")))
    unnamed = compared(store, export)
    assert (unnamed.by, len(unnamed.lines), unnamed.differing, len(unnamed.notes)) == (("day", "model"), 1, [], 1)
    roots = [
        SpanRecord(
            number,
            {
                "rvbbit.kind": "caller",
                "rvbbit.caller.id": name,
                "rvbbit.caller.source": "explicit",
                "rvbbit.caller.metadata": json.dumps({"project_id": project}),
            },
            at=NOON * 10**9,
        )
        for number, name, project in ((11, "web-1", "proj_b"), (12, "web-2", "proj_b"))
    ]
    store.send(traces(*roots))
    seen = compared(store, export)
    assert seen.by == ("day", "model", "project")
    assert [(line.project, line.difference) for line in seen.differing] == [
        ("proj_a", Figures(-1, -10, -4, None)),
        ("proj_b", Figures(1, 10, 4, None)),
    ]


def test_days_are_compared_where_the_export_names_no_model(store: Store, tmp_path: Path) -> None:
    store.send(traces(call(1, 10, 4), call(2, 5, 5, model="o3")))
    seen = compared(store, usage(tmp_path, {**used(2, 15, 9), "model": None}))
    assert (seen.differing, seen.by, [line.model for line in seen.lines]) == ([], ("day",), ["(all models)"])
    with pytest.raises(ConfigurationError, match="the export names none"):
        compared(store, usage(tmp_path, {**used(2, 15, 9), "model": None}), models="gpt-*")


def test_what_they_do_not_say_is_not_compared_and_what_they_cover_without_a_word_is_zero(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "anthropic.csv"
    next_day = DAY + timedelta(days=2)
    file.write_text(
        "usage_date_utc,model_version,api_key,workspace,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens\n"
        f"{DAY},claude-sonnet-4-5-20250929,k,Default,6,1,2,3,4\n{next_day},claude-sonnet-4-5-20250929,k,Default,1,0,0,0,1\n"
    )
    of = {"model": "claude-sonnet-4-5", "gen_ai__provider__name": "anthropic"}
    store.send(traces(call(1, 12, 4, **of), call(2, 1, 1, at=NOON + 2 * 86_400, **of)))  # type: ignore[arg-type]
    seen = compared(store, file)
    assert (seen.differing, [line.theirs for line in seen.lines]) == (
        [],
        [Figures(None, 12, 4, None), Figures(None, 1, 1, None)],
    )
    # A day in between, of which the export has no line.
    store.send(traces(call(3, 7, 7, at=NOON + 86_400, **of)))  # type: ignore[arg-type]
    (line,) = compared(store, file).differing
    assert (line.day, line.theirs, line.difference) == (
        DAY + timedelta(days=1),
        Figures(None, 0, 0, None),
        Figures(None, 7, 7, None),
    )
    assert compared(store, file, since=next_day).differing == []
    assert compared(store, file, until=DAY).differing == []


def test_costs_that_were_rounded_to_cents_differ_only_by_more_than_that(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "costs.csv"
    head = "usage_date_utc,model,workspace,api_key,usage_type,token_type,cost_usd\n"
    file.write_text(
        head
        + "".join(f"{DAY},Claude Haiku 4.5,Default,k,message,{kind},0.10\n" for kind in ("input_no_cache", "output"))
    )
    of: dict[str, Value] = {"gen_ai__provider__name": "anthropic"}
    store.send(traces(call(1, 10, 4, "0.21", model="claude-haiku-4-5-20251001", **of)))  # type: ignore[arg-type]
    (line,) = compared(store, file).lines
    assert (line.model, line.differs, line.difference, line.rounding) == (
        "claude-haiku-4-5",
        False,
        Figures(cost=Decimal("0.01")),
        Decimal("0.010"),
    )
    store.send(traces(call(2, 1, 1, "0.000000000001", model="claude-haiku-4-5-20251001", **of)))  # type: ignore[arg-type]
    assert [each.difference.cost for each in compared(store, file).differing] == [Decimal("0.010000000001")]


def test_a_day_that_is_not_over_is_noted(store: Store, tmp_path: Path) -> None:
    today = int(datetime.now(timezone.utc).timestamp()) // 86_400 * 86_400
    store.send(traces(call(1, 1, 1, at=today)))
    (note,) = compared(store, usage(tmp_path, used(1, 1, 1), day=today)).notes
    assert "a time that is not over" in note


def test_nothing_on_both_sides_is_no_verdict(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither the export nor the store has a call"):
        compared(store, usage(tmp_path))
    with pytest.raises(ConfigurationError, match="nothing of what --since and --until ask for"):
        compared(store, usage(tmp_path), since=date(2020, 1, 1), until=date(2020, 1, 2))
    # Rows of ours, and an export without any, is a difference.
    store.send(traces(call(1, 1, 1)))
    assert [line.model for line in compared(store, usage(tmp_path)).differing] == [MODEL]
