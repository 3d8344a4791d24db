"""The commands that ask a store or change it: demo, audit, migrate, repair."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import days, options, window
from rvbbit_otel.cli.budgets import budgets_file, checked, over_budgets, refuse_beside_name, state_file
from rvbbit_otel.cli.completion import audit_names
from rvbbit_otel.cli.output import print_json, print_table, records, say, tell

if TYPE_CHECKING:
    from rvbbit_otel.demo import Demo
    from rvbbit_otel.storage.audits import Audit, Finding
    from rvbbit_otel.storage.cluster import Cluster


@click.command(epilog="Example: rvbbit-otel demo --json")
@click.option("--clients", default=16, show_default=True, type=click.IntRange(1, 99), help="Postgres clients at once.")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1, 99), help="Rows of each client's query.")
@options.as_json
def demo(clients: int, rows: int, as_json: bool) -> None:
    """The main job from nothing: a store, an unchanged runner, Postgres clients, and the audits that prove whose every row is.

    Exit status 0 only if every row has its caller, none another's, and every rule holds.
    """
    from rvbbit_otel.demo import run_demo

    seen = run_demo(lambda text: tell(f"... {text}"), clients, rows)
    if as_json:
        print_json(_demo_json(seen))
    else:
        _show_demo(seen)
    sys.exit(0 if seen.holds else 1)


@click.command(epilog="Example: rvbbit-otel audit cost-by-caller --last 24h --json")
@click.argument("name", required=False, shell_complete=audit_names)
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the audit; may be repeated."
)
@click.option(
    "--since",
    callback=window.since,
    metavar="MOMENT",
    help="Look at what was seen since then only, in UTC: --since '2026-01-31 18:00:00'.",
)
@click.option(
    "--last",
    callback=window.last,
    metavar="TIME",
    help="Look at the last seconds, minutes, hours or days only: 90s, 30m, 24h, 7d.",
)
@click.option(
    "--until",
    callback=window.since,
    metavar="MOMENT",
    help="Look at what was seen before then only, in UTC; with --since: a day, an hour.",
)
@click.option("--list", "as_list", is_flag=True, help="List every audit, its parameters and what it is for.")
@budgets_file
@state_file
@options.dsn
@options.as_json
def audit(
    name: str | None,
    parameters: tuple[str, ...],
    since: window.Window | None,
    last: window.Window | None,
    until: window.Window | None,
    as_list: bool,
    budgets: Path | None,
    state: Path | None,
    dsn: str,
    as_json: bool,
) -> None:
    """Run the audit NAME, or every rule.

    A rule prints the rows that break it, and what to do; a report prints its answer. Exit status 0: rules hold; 1: rows break one; 2: could not run,
    or there are no rows in the store, or in the time that is asked for, so that there is nothing to hold, or damaged parts or requests in
    quarantine, so that rows are missing.
    """
    from rvbbit_otel.storage.audits import OUT_OF_SIGHT, SINCE, UNTIL, find_audit, has_rows, load_audits, run_audit
    from rvbbit_otel.storage.client import ClickHouseDatabase

    if as_list:
        _list_audits(as_json)
        return
    values = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise click.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="--param")
        values[key] = value
    if values and name is None:
        raise click.UsageError("--param goes with the NAME of an audit")
    time = since or last
    if time is not None:
        if (since and last) or SINCE in values:
            raise click.UsageError("--since, --last and --param since=... say the same: give one of them")
        values[SINCE] = time.value
    if until is not None:
        if UNTIL in values or (time is not None and until.begin <= time.begin):
            raise click.UsageError("--until is given once, and is after --since")
        values[UNTIL] = until.value
    asked = [find_audit(name)] if name is not None else [each for each in load_audits() if each.is_rule]
    database = ClickHouseDatabase(dsn)
    if name is not None:
        refuse_beside_name()
    findings = []
    for each in asked:
        whole = (time is not None or until is not None) and not each.has_window
        findings.append(run_audit(database, each, {} if whole else values))
        if whole:
            tell(f"rvbbit-otel: {each.name} looks at all rows, whenever they came: it takes no time")
    if budgets and name is None:
        findings.append(over_budgets(checked(database, budgets, None, state)))
    # A report is no verdict: a time without rows is an answer too.
    within = (SINCE in values or UNTIL in values) and findings[0].audit.is_rule
    asked_for = {name: values[name] for name in (SINCE, UNTIL) if name in values and within}
    tried = has_rows(database, **asked_for)
    since_when = f" since {time.text if time else values[SINCE]}" if SINCE in asked_for else ""
    until_when = f" until {until.text if until else values[UNTIL]}" if UNTIL in asked_for else ""
    nothing = f"unified_logs has no rows{since_when}{until_when}"
    if as_json:
        print_json([_finding_json(finding, "" if tried else nothing) for finding in findings])
    else:
        for finding in findings:
            _show_finding(finding, tried)
    if not all(finding.holds for finding in findings):
        sys.exit(1)
    # Of all rules they are some; an audit by its name alone would not know.
    for other, what in OUT_OF_SIGHT.items() if name not in (None, *OUT_OF_SIGHT) else ():
        if unseen := run_audit(database, find_audit(other)).rows:
            tell(
                f"rvbbit-otel: not all was audited: the rows of {len(unseen)} {what} are in no answer. See `rvbbit-otel audit {other}`"
            )
            sys.exit(2)
    if not tried:
        tell(f"rvbbit-otel: nothing was audited: {nothing}. Is anything sent to this store? See `rvbbit-otel doctor`")
        sys.exit(2)


@click.command(epilog="Example: rvbbit-otel migrate --dsn https://admin:secret@clickhouse.example.com/rvbbit")
@click.option("--dry-run", is_flag=True, help="Only say what would be applied.")
@days.keep
@options.cluster
@options.dsn
@options.as_json
def migrate(dry_run: bool, keep: int | None, cluster: str | None, dsn: str, as_json: bool) -> None:
    """Bring a ClickHouse server's schema up to date. The embedded store does this by itself when it starts.

    Of a cluster every node is asked what it has: what one lacks, since it joined later or a statement failed there, is made; what differs is said.
    Exit status 0: done, and every node has the same; 1: nodes differ; 2: could not run.
    """
    from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at
    from rvbbit_otel.storage.keeping import keep as keep_rows
    from rvbbit_otel.storage.migrations import apply, pending

    database = ClickHouseDatabase(dsn)
    place = cluster_at(cluster, dsn, database) if cluster else None
    steps = pending(database) if dry_run else apply(database, cluster=place)
    changed = keep_rows(database, keep, place) if keep is not None and not dry_run else []
    if as_json:
        print_json([{"version": step.version, "name": step.name, "applied": not dry_run} for step in steps])
    else:
        for step in steps:
            say(f"{'pending' if dry_run else 'applied'} {step.version:04} {step.name}")
        if not steps:
            say("up to date")
        if changed:
            say(f"{len(changed)} tables keep their rows for {keep} days from now on: {', '.join(changed)}")
    if place:
        _settle(place, dry_run)


def _settle(cluster: Cluster, dry_run: bool) -> None:
    from rvbbit_otel.storage.joining import make_missing
    from rvbbit_otel.storage.nodes import differences, look

    for database, table in [] if dry_run else make_missing(cluster):
        tell(f"rvbbit-otel: made where a node lacked it: {database}.{table}")
    found = differences(look(cluster), cluster)
    for each in found:
        tell(f"rvbbit-otel: {each.node}: {each.seen}. What to do: {each.remedy}")
    if found:
        sys.exit(1)


@click.command(epilog="Example: rvbbit-otel repair && rvbbit-otel audit rows-without-caller")
@options.cluster
@options.dsn
@options.as_json
def repair(cluster: str | None, dsn: str, as_json: bool) -> None:
    """Give rows that name a session and no caller the caller of the run that they belong to, where that is known; never by guess."""
    from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at
    from rvbbit_otel.storage.repair import repair as repair_store

    database = ClickHouseDatabase(dsn)
    done = repair_store(database, cluster_at(cluster, dsn, database) if cluster else None)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{done.rows} rows got their caller; {done.left} rows have none still")


def _list_audits(as_json: bool) -> None:
    from rvbbit_otel.storage.audits import load_audits

    if as_json:
        print_json([asdict(each) for each in load_audits()])
        return
    rows = [(each.name, each.kind, each.title, _takes(each)) for each in load_audits()]
    print_table(("audit", "kind", "what it shows", "parameters"), rows)


def _takes(audit: Audit) -> str:
    names = [parameter.name for parameter in audit.parameters]
    return ", ".join(names if audit.has_window else [*names, "no time: it looks at all rows"])


def _finding_json(finding: Finding, nothing: str = "") -> dict[str, object]:
    """`nothing`: that there was no row to look at; then, and without findings, `holds` is null."""
    shown: dict[str, object] = {
        "audit": finding.audit.name,
        "kind": finding.audit.kind,
        "holds": finding.holds,
        "rows": records(finding.columns, finding.rows) if finding.rows else [],
    }
    if finding.holds and nothing:
        shown |= {"holds": None, "nothing": nothing}
    return shown


def _show_finding(finding: Finding, tried: bool = True) -> None:
    about = finding.audit
    if about.is_rule:
        verdict = "BROKEN" if not finding.holds else "holds " if tried else "no rows"
        say(f"{verdict}  {about.name}: {about.title}")
    if finding.rows:
        print_table(finding.columns, finding.rows, None if about.is_rule else about.title)
    if not finding.holds:
        say(f"        what it means: {about.finding}\n        what to do:    {about.remedy}")
    elif not about.is_rule and not finding.rows:
        say(f"{about.title}: no rows")


def _show_demo(seen: Demo) -> None:
    say("A Postgres client asked an unchanged runner for the brand of three products:")
    print_table(("product_name", "brand"), seen.brands)
    say("Whose is what that left behind? Three questions, to ClickHouse's HTTP port, word for word:")
    for answer in seen.answers.values():
        say(answer)
    crowd = seen.crowd
    say(
        f"Then {crowd.clients} clients at once, {crowd.rows_each} rows each ({crowd.seconds:.1f} s), checked against markers in the rows' own text:"
    )
    print_table(
        ("what", "count"),
        (
            ("sessions that ran", crowd.sessions),
            ("of these on DuckDB's native threads", crowd.on_native_threads),
            ("of these whose caller the runner itself did not know", crowd.noted_without_caller),
            ("sessions in the store", crowd.sessions_stored),
            ("rows in unified_logs", crowd.rows_stored),
            ("rows without their caller", crowd.missing),
            ("rows with another's", crowd.wrong),
        ),
    )
    for finding in seen.findings:
        _show_finding(finding)
    verdict = (
        "Every row has its caller, none another's, and every rule holds"
        if seen.holds
        else "Something does not hold: see above"
    )
    say(f"\n{verdict} ({seen.seconds:.0f} s in all).")


def _demo_json(seen: Demo) -> dict[str, object]:
    return {
        "holds": seen.holds,
        "callers": list(seen.callers),
        "unified_logs_rows": seen.log_rows,
        "session_state_rows": seen.answer_rows["sessions"],
        "cascade_sessions_rows": seen.answer_rows["cascades"],
        "crowd": {**asdict(seen.crowd), "holds": seen.crowd.holds},
        "audits": [_finding_json(finding) for finding in seen.findings],
        "seconds": round(seen.seconds, 2),
    }
