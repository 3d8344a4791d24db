"""``rvbbit-otel reconcile``: our totals beside a provider's bill."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rvbbit_otel.cli import options
from rvbbit_otel.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from rvbbit_otel.storage.reconcile import Line, Reconciliation

_DAY = click.DateTime(["%Y-%m-%d"])
_SHOWN = {"calls": "calls", "tokens_in": "tokens in", "tokens_out": "tokens out", "cost": "dollars"}


@click.command(
    epilog="Example: rvbbit-otel reconcile usage-november.json costs-november.json --provider openai --since 2026-11-01"
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--provider",
    type=click.Choice(["openai", "anthropic", "generic"]),
    help="Whose export it has to be. [default: what the file looks like]",
)
@click.option("--since", type=_DAY, help="First day (UTC). [default: the first that the export covers]")
@click.option("--until", type=_DAY, help="Last day (UTC), included. [default: the last that the export covers]")
@click.option("--model", "models", default="*", metavar="PATTERN", help="Only models like this, such as 'gpt-*'.")
@click.option("--tolerance", default="0", metavar="DOLLARS", help="By how much the dollars of a line may differ.")
@click.option(
    "--edge",
    default=300,
    show_default=True,
    type=click.IntRange(0, 43_200),
    help="Seconds from midnight within which a call may be on another day for them.",
)
@options.dsn
@options.as_json
def reconcile(
    files: tuple[Path, ...],
    provider: str | None,
    since: datetime | None,
    until: datetime | None,
    models: str,
    tolerance: str,
    edge: int,
    dsn: str,
    as_json: bool,
) -> None:
    """Compare our calls, tokens and dollars with a provider's usage export, by day (UTC) and model, and say which rows explain a difference.

    FILE is OpenAI's or Anthropic's usage or costs, as their API or dashboard gives them, or a CSV with `day,model` and any of
    `calls,tokens_in,tokens_out,cost,key,project`. Give usage and costs, and all pages, at once.

    Exit status 0: equal; 1: something differs; 2: it could not be read or compared.
    """
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.reconcile import reconcile as compare
    from rvbbit_otel.storage.usage_exports import read_exports
    from rvbbit_otel.storage.usage_exports.entry import dollars

    allowed = dollars(tolerance, "--tolerance")
    if allowed is None or allowed < 0:
        raise click.BadParameter("it has to be 0 or more dollars", param_hint="--tolerance")
    seen = compare(
        ClickHouseDatabase(dsn),
        read_exports(files, provider),
        since.date() if since else None,
        until.date() if until else None,
        models,
        allowed,
        timedelta(seconds=edge),
    )
    if as_json:
        print_json(_as_json(seen))
    else:
        _show(seen)
    sys.exit(1 if seen.differing else 0)


def _show(seen: Reconciliation) -> None:
    if seen.differing:
        lines = [row for line in seen.differing for row in _rows(line, seen.by)]
        print_table(
            (
                "day",
                "model",
                *(field for field in seen.by if field in ("key", "project")),
                "what",
                "ours",
                "theirs",
                "ours - theirs",
            ),
            lines,
            "What differs",
        )
        reasons = [
            (
                str(line.day),
                line.model or "(none)",
                each.reason,
                each.rows,
                each.figures.calls,
                each.figures.tokens_in,
                each.figures.tokens_out,
                _plain(each.figures.cost),
                "exactly" if each.fits else "",
                each.meaning,
            )
            for line in seen.differing
            for each in line.candidates
        ]
        if reasons:
            columns = (
                "day",
                "model",
                "reason",
                "rows",
                "calls",
                "tokens in",
                "tokens out",
                "dollars",
                "fits",
                "what it is",
            )
            print_table(columns, reasons, "Rows of ours that may explain it")
        for line in seen.differing:
            for each in line.candidates:
                for example in each.examples:
                    say(f"{line.day} {line.model or '(none)'} {each.reason}: {example}")
        unexplained = sorted({f"{line.day} {line.model or '(none)'}" for line in seen.differing if not line.candidates})
        if unexplained:
            say(
                f"No row of ours explains {', '.join(unexplained)}. Where theirs is more, calls never came here: "
                "another program, or a process without instrumentation."
            )
    for note in seen.notes:
        say(f"Note: {note}")
    say(
        f"{seen.provider}, {seen.begin:%Y-%m-%d %H:%M} to {seen.end:%Y-%m-%d %H:%M} UTC, by {', '.join(seen.by)}: "
        f"{len(seen.lines)} compared, {len(seen.differing)} differ"
    )


def _rows(line: Line, by: tuple[str, ...]) -> list[tuple[object, ...]]:
    who = (
        str(line.day),
        (line.model or "(none)") + (f" ({', '.join(line.names)})" if line.names else ""),
        *(getattr(line, field) for field in by if field in ("key", "project")),
    )
    return [
        (
            *who,
            _SHOWN[name],
            ("at least " if name == "cost" and line.open_calls else "") + _plain(ours),
            _plain(theirs),
            _plain(gap),
        )
        for (name, ours), (_, theirs), (_, gap) in zip(
            line.ours.items(), line.theirs.items(), line.difference.items(), strict=True
        )
        if (line.cost_differs if name == "cost" else gap)
    ]


def _plain(figure: int | Decimal | None) -> str:
    """A number without an exponent, and without zeros that say nothing."""
    if not isinstance(figure, Decimal):
        return "" if figure is None else str(figure)
    written = f"{figure:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _as_json(seen: Reconciliation) -> dict[str, object]:
    return {
        "equal": not seen.differing,
        "provider": seen.provider,
        "begin": seen.begin,
        "end": seen.end,
        "by": list(seen.by),
        "compared": len(seen.lines),
        "differing": [
            {
                **asdict(line),
                "difference": asdict(line.difference),
                "ours_is_at_least": line.open_calls > 0,
            }
            for line in seen.differing
        ],
        "notes": list(seen.notes),
    }
