"""Print callers, rows and reports in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rvbbit_otel.cli.output import colours, print_table, safe, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rvbbit_otel.reporting.report import Report
    from rvbbit_otel.reporting.tree import Node
    from rvbbit_otel.storage.accounts import Account, Line


def account_json(account: Account) -> dict[str, Any]:
    """One account, by docs/reference/json/show.schema.json."""
    from rvbbit_otel.reporting import words
    from rvbbit_otel.reporting.report import sums_json

    return {
        "caller_id": account.caller_id,
        "origin": account.origin,
        "metadata": dict(account.metadata),
        "sentence": words.sentence(account),
        "sums": sums_json(account.sums),
        "sources": [{"source": line.name, **sums_json(line.sums)} for line in account.sources],
        "models": [{"model": line.name, "provider": line.about, **sums_json(line.sums)} for line in account.models],
        "sessions": [dict(session) for session in account.sessions],
    }


def row_json(row: dict[str, Any]) -> dict[str, Any]:
    """One row, by docs/reference/json/tail.schema.json."""
    return {**row, "cost": f"{row['cost']:f}", "duration_ms": f"{row['duration_ms']:f}"}


def print_account(account: Account) -> None:
    """The account of a caller."""
    from rvbbit_otel.reporting import words

    paint = colours()
    say(
        f"{paint.strong(safe(account.caller_id))}  {safe(account.origin)}  {account.sums.first_row:%Y-%m-%d %H:%M:%S} UTC"
    )
    if account.text:
        say(safe(account.text))
    say(words.sentence(account))
    if account.models:
        _print_models(account.models)
    if account.sessions:
        print_table(
            ("session", "status", "cascade", "took", "error"),
            [
                (
                    session["session_id"],
                    session["status"],
                    session["cascade_id"],
                    words.duration((session["last_seen_at"] - session["started_at"]).total_seconds() * 1000),
                    session["error"],
                )
                for session in account.sessions
            ],
        )


def print_node(node: Node) -> None:
    """A line of a caller's tree."""
    from rvbbit_otel.reporting import words

    paint = colours()
    label = safe(node.label)
    shown = paint.strong(label) if node.kind == "session" else label
    cost = words.dollars(node.cost) if node.cost else ""
    failed = "  " + paint.bad(safe(node.failed).splitlines()[0][:80]) if node.failed else ""
    source = paint.bad("none") if node.source == "none" else node.source
    indent = "  " * node.depth
    line = f"+{words.duration(node.at_ms):>9}  {words.duration(node.duration_ms):>9}  {cost:>10}  {source:<9}  "
    say(f"{line}{indent}{safe(node.kind)} {shown}{failed}")


def print_row(row: dict[str, Any]) -> None:
    """A row as it arrives."""
    from rvbbit_otel.reporting import words

    paint = colours()
    caller = safe(row["caller_id"]) or paint.bad("nobody")
    cost = words.dollars(row["cost"]) if row["cost"] else "-"
    failed = "  " + paint.bad(safe(row["error"])[:80]) if row["error"] else ""
    what = f"{safe(row['kind'])} {safe(row['cell_name'] or row['name'])}"
    say(
        f"{row['timestamp']:%H:%M:%S.%f}  {caller}  {row['caller_source'] or 'none'}  {safe(row['session_id'])}  {what}  {cost}{failed}"
    )


def print_report(report: Report) -> None:
    """A report: its summary, callers, models, and the rules that are broken."""
    from rvbbit_otel.reporting.report import COLUMNS, verdict

    paint = colours()
    say(f"{paint.strong(f'Callers, {report.period}')}\n{report.summary}.")
    if report.callers:
        print_table(COLUMNS, report.table())
        _print_models(report.models)
    for name, holds in report.rules:
        if holds is False:
            say(f"{paint.bad(verdict(holds))}  {name}: rvbbit-otel audit {name}")


def _print_models(models: Sequence[Line]) -> None:
    from rvbbit_otel.reporting import words

    rows = [
        (
            line.name,
            line.about,
            line.sums.calls,
            words.tokens(line.sums),
            words.dollars(line.sums.cost, line.sums.calls_unpriced),
        )
        for line in models
    ]
    print_table(("model", "provider", "calls", "tokens", "dollars"), rows)
