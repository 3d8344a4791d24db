"""``rvbbit-otel budgets``: how much of each is used; and the same for ``audit --budgets``."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, say, tell

if TYPE_CHECKING:
    from rvbbit_otel.storage.audits import Finding
    from rvbbit_otel.storage.budgets import Usage
    from rvbbit_otel.storage.database import Database

state_file = click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to keep which webhooks were called, so that each is called once an hour, day or month; without it none is.",
)

budgets_file = click.option(
    "--budgets",
    envvar="RVBBIT_OTEL_BUDGETS",
    show_envvar=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where no NAME is given: a budget of this file that is over breaks a rule too.",
)
_COLUMNS = (
    "budget",
    "state",
    "spent",
    "limit",
    "tokens",
    "tokens_limit",
    "per",
    "since",
    "whose",
    "unpriced_calls",
    "most_by",
)


@click.command(epilog="Example: rvbbit-otel budgets budgets.toml --state budgets.state --json")
@click.argument("file", envvar="RVBBIT_OTEL_BUDGETS", type=click.Path(path_type=Path))
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]),
    help="Of the hour, day or month that holds this time (UTC). [default: now]",
)
@state_file
@options.dsn
@options.as_json
def budgets(file: Path, at: datetime | None, state: Path | None, dsn: str, as_json: bool) -> None:
    """Show how much of each budget in FILE (TOML) is used, by whom, and how much of it is only a lower bound.

    Exit status 0: none is over; 1: one is; 2: it could not be found out, or the store has no rows at all.
    """
    from rvbbit_otel.storage.audits import has_rows
    from rvbbit_otel.storage.client import ClickHouseDatabase

    database = ClickHouseDatabase(dsn)
    used = checked(database, file, at, state)
    if as_json:
        print_json([as_record(each) for each in used])
    else:
        show(used)
    if any(each.over for each in used):
        sys.exit(1)
    if not has_rows(database):
        tell("rvbbit-otel: nothing was spent that is known: unified_logs has no rows. See `rvbbit-otel doctor`")
        sys.exit(2)


def refuse_beside_name() -> None:
    """Of one audit alone budgets are no part: an error where the command line asks for both, and not where the environment names a file."""
    if click.get_current_context().get_parameter_source("budgets") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--budgets goes with all rules: leave NAME out, or see `rvbbit-otel budgets`")


def checked(database: Database, file: Path, at: datetime | None, state: Path | None) -> list[Usage]:
    """Return the use of each budget, and call the webhooks of those that are over. Raises ConfigurationError and
    StoreError.
    """
    from rvbbit_otel.storage.budget_file import read_budgets
    from rvbbit_otel.storage.budgets import use_of
    from rvbbit_otel.storage.webhooks import tell_over

    used = use_of(database, read_budgets(file), at.replace(tzinfo=timezone.utc) if at else datetime.now(timezone.utc))
    tell_over(used, state, lambda text: tell(f"rvbbit-otel: {text}"))
    return used


def over_budgets(used: list[Usage]) -> Finding:
    """Budgets as a rule among the audits: a row for each that is over."""
    from rvbbit_otel.storage.audits import Audit, Finding

    about = Audit(
        "budgets",
        "rule",
        "Budgets that are over",
        "More was spent than the budget allows; where calls have no price yet, `spent` is a lower bound.",
        "See who spent it (`rvbbit-otel budgets FILE`), and stop that or raise the limit.",
        "",
    )
    return Finding(about, _COLUMNS, [_row(each) for each in used if each.over])


def show(used: list[Usage]) -> None:
    """A table for people."""
    print_table(_COLUMNS, [_row(each) for each in used])
    if any(each.state == "unknown" for each in used):
        say("unknown: within the limit as far as is known, and some calls have no price yet (`rvbbit-otel prices`).")


def _row(used: Usage) -> tuple[object, ...]:
    budget = used.budget
    return (
        budget.name,
        used.state,
        ("at least " if used.is_lower_bound else "") + f"${used.cost:f}",
        "" if budget.dollars is None else f"${budget.dollars:f}",
        used.tokens,
        "" if budget.tokens is None else str(budget.tokens),
        budget.per or "all",
        f"{used.begin:%Y-%m-%d %H:%M}",
        budget.whose,
        used.open_calls,
        ", ".join(f"{each.caller_id or '(nobody)'} ${each.cost:f}" for each in used.spenders[:3]),
    )


def as_record(used: Usage) -> dict[str, object]:
    """One budget as JSON; amounts are texts, so that none of their digits is lost."""
    from rvbbit_otel.storage.webhooks import message

    record = message(used) | {
        "state": used.state,
        "per": used.budget.per or "all",
        "calls": used.calls,
        "unpriced_tokens": used.open_tokens,
    }
    del record["text"]
    return record
